create or replace function walhook.check_condition_words(subject text, given text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    -- Types whose input runs nobody's code, since literals are read when a statement is prepared.
    known constant text[] := '{and,or,not,is,"null",true,false,unknown,distinct,from,in,between,symmetric,like,ilike,escape,
        cast,as,collate,coalesce,lower,upper,length,abs,event,
        bool,boolean,smallint,int2,integer,int,int4,bigint,int8,numeric,decimal,dec,real,float,float4,double,precision,
        float8,text,varchar,character,varying,char,bpchar,name,date,time,timetz,timestamp,timestamptz,with,without,
        zone,interval,uuid,json,jsonb,bytea,inet,cidr,oid}';
    before           text[]  := '{"",""}';
    depth            integer := 0;
    token            text;
begin
    for token in
        -- Literals, quoted names, words, comments, numbers, white space, and else character by character.
        select m[1]
        from   regexp_matches(given,
                   '(''(?:[^'']|'''')*''|"(?:[^"]|"")*"'
                   '|[^\x01-\x40\x5b-\x5e\x60\x7b-\x7f][^\x01-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*'
                   '|--|/[*]|[0-9][0-9.]*(?:[eE][+-]?[0-9]+)?|\s+|.)', 'g') as m
    loop
        continue when token ~ '^\s';
        depth := depth + case token when '(' then 1 when ')' then -1 else 0 end;
        if depth < 0 then
            perform walhook.refuse(subject, 'a parenthesis is closed that none opened', 'Leave it out, or open it before.');
        end if;
        case
            -- A column.
            when before[2] = '.' and before[1] in ('new', 'old') and token ~ '^("|[^\x01-\x40\x5b-\x5e\x60\x7b-\x7f])' then null;
            when lower(token) in ('new', 'old') and before[2] <> '.' then null;
            when token ~ '^''' and length(token) > 1 or token ~ '^[0-9]' then null;
            when token = '"C"' and before[2] = 'collate' then null;
            when lower(token) = any (known) and before[2] <> '.' then null;
            when token in ('(', ')', ',', '.', '+', '-', '*', '/', '%', '<', '>', '=', '!', ':') then null;
            else
                perform walhook.refuse_value(subject, format('%s is not supported', left(token, 63)),
                    case when token ~ '^[[:alnum:]_]' then format('If it is a column, write new.%s or old.%1$s; if not, do without it.', left(token, 63))
                         else 'Do without it; what needs it may go into a generated column.' end,
                    null,
                    'and, or, not, comparison, is null, is distinct from, in, between, like, arithmetic, casts to built-in types, '
                    'coalesce, lower, upper, length, abs, ->, ->>, collate "C"');
        end case;
        before := array[before[2], lower(token)];
    end loop;
end
$$;
comment on function walhook.check_condition_words(text, text) is 'Refuses a condition of the subject with a word, type, function or character that conditions do not know, and names it.';
revoke all on function walhook.check_condition_words(text, text) from public;
