-- release_in_flight: what a former holder of the slot had in memory is due again.
update walhook.pending
set    state = 'ready',
       version = version + 1
where  state = 'in_flight'
