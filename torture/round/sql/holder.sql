select pid from walhook.owner
