-- assert_owner: fails with WH001 unless epoch $2 still holds slot $1.
select walhook.assert_owner($1, $2)
