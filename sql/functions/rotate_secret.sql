create or replace function walhook.rotate_secret(name text, grace interval default '24 hours')
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- 48 bytes out of four times 122 random bits.
    secret text := 'whsec_' || replace(encode(sha384(convert_to(
        concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8')), 'base64'), E'\n', '');
begin
    perform walhook.keep_signing_secret(rotate_secret.name, secret, grace);
    perform walhook.log_operation('rotate_secret', rotate_secret.name, jsonb_build_object('grace', grace));
    return secret;
end
$$;
comment on function walhook.rotate_secret(text, interval) is 'Makes a new signing secret for the endpoint of this name and returns it, this once. The former one signs besides it for the grace.';
revoke all on function walhook.rotate_secret(text, interval) from public;
