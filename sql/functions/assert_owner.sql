create or replace function walhook.assert_owner(of_slot text, of_epoch bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Held to the end of the transaction: whoever takes the slot waits for it, then sees
    -- everything that this transaction wrote.
    perform pg_advisory_xact_lock_shared(hashtext('walhook.owner'), hashtext(of_slot));
    if not exists (select from walhook.owner as o where o.slot = of_slot and o.epoch = of_epoch) then
        raise exception 'slot % was taken by another daemon', of_slot using errcode = 'WH001';
    end if;
end
$$;
comment on function walhook.assert_owner(text, bigint) is 'Fails with WH001 unless this epoch still holds the slot. The daemon calls it in every transaction that writes.';
revoke all on function walhook.assert_owner(text, bigint) from public;
