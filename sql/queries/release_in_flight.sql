-- release_in_flight: what a former holder of the slot had in memory is due again, and what was
-- blocked finds its place anew: lanes read both in order and know which keys are stuck.
update walhook.pending
set    state = 'ready',
       version = version + 1
where  state in ('in_flight', 'blocked')
