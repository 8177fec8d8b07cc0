-- preview_bell: how often walhook.preview has asked; it may jump, and never stands still.
select bell.last_value + bell.is_called::int4
from   walhook.preview_bell as bell
