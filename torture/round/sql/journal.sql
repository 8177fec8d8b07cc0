select operation, place, tag, id, version, former_id, former_version, filling
from   torture.journal
