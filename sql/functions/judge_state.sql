create or replace function walhook.judge_state()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.state = 'disabled' then
        perform walhook.refuse('state', 'disabled is the daemon''s word, with a reason', 'state = ''paused'' holds its events as well; walhook.pause does that.');
    elsif new.state in ('active', 'paused') then
        perform walhook.refuse('disabled_reason', format('an endpoint that is %s has none', new.state), 'Set it to null, or call walhook.resume.');
    end if;
    perform walhook.check_word('state', new.state, '{active,paused}');
end
$$;
comment on function walhook.judge_state() is 'Refuses a state of an endpoint that is none, or that its reason does not go with.';
revoke all on function walhook.judge_state() from public;

create or replace trigger endpoint_state_judged
    before insert or update of state, disabled_reason on walhook.endpoint
    for each row when (new.state not in ('active', 'paused', 'disabled') or (new.state = 'disabled') <> (new.disabled_reason is not null))
    execute function walhook.judge_state();
