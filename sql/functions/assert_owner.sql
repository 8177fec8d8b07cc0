create or replace function walhook.assert_owner(of_slot text, of_epoch bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    reign walhook.owner;
begin
    -- Held to the end of the transaction: whoever takes the slot waits for it, then sees
    -- everything that this transaction wrote.
    perform pg_advisory_xact_lock_shared(hashtext('walhook.owner'), hashtext(of_slot));
    select o.* into reign from walhook.owner as o where o.slot = of_slot;
    if reign.epoch is distinct from of_epoch then
        if of_epoch between reign.since_epoch and reign.epoch then
            raise exception 'slot % was taken again by the same daemon, which has not heard of it', of_slot using errcode = 'WH002';
        end if;
        raise exception 'slot % was taken by another daemon', of_slot using errcode = 'WH001';
    end if;
end
$$;
comment on function walhook.assert_owner(text, bigint) is 'Fails unless this epoch still holds the slot: with WH001 if another daemon took it, with WH002 if the same daemon did and its answer was lost. The daemon calls it in every transaction that writes.';
revoke all on function walhook.assert_owner(text, bigint) from public;
