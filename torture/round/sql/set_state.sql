update walhook.endpoint set state = $2 where name = $1
