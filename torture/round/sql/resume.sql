update walhook.endpoint set state = 'active' where state = 'paused'
