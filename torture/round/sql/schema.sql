-- The application: what is captured.
create schema shop;
create table shop.hot   (id bigint primary key, version bigint, tag bigint, filling text);
create table shop.cold  (like shop.hot including all);
create table shop.plain (like shop.hot including all);
create table shop.bulk  (like shop.hot including all);
alter table shop.hot replica identity full;
alter table shop.cold replica identity full;
alter table shop.hot alter column filling set storage external;

-- The witness: what was committed, written in the same transactions. Not captured.
create schema torture;
create sequence torture.tag cache 1;
create sequence torture.bulk_id;
-- Its row locks make transactions of one key follow each other, so that versions tell their order.
create table torture.key (
    place   text   not null,
    id      bigint not null,
    version bigint not null,

    primary key (place, id)
);
create table torture.journal (
    place          text   not null,
    operation      text   not null,
    tag            bigint not null,
    id             bigint,
    version        bigint,
    former_id      bigint,
    former_version bigint,
    -- Of what the row holds then, the first bytes of the SHA-256.
    filling        text
);

create function torture.digest(filling text) returns text language sql immutable as $$
    select encode(substr(sha256(convert_to(filling, 'UTF8')), 1, 8), 'hex')
$$;

create function torture.filling(size integer) returns text language sql volatile as $$
    select coalesce(left(string_agg(md5(random()::text), ''), size), '')
    from   generate_series(0, size / 32)
$$;

create function torture.next_version(of_place text, of_id bigint) returns bigint language sql as $$
    insert into torture.key as k values (of_place, of_id, 1)
    on conflict (place, id) do update set version = k.version + 1
    returning version
$$;

-- One deed of the application and its line in the journal. `other` is where a row moves to, and
-- greater than `at`, so that nobody locks two keys in another order.
create function torture.act(place text, deed text, at bigint, other bigint, size integer)
returns void language plpgsql as $$
declare
    note torture.journal;
begin
    note.place := place;
    note.tag := nextval('torture.tag');
    if deed = 'emit' then
        note.place := 'emit';
        perform walhook.emit('torture.noted', jsonb_build_object('tag', note.tag));
        note.operation := 'custom';
        insert into torture.journal select note.*;
        return;
    end if;
    note.version := torture.next_version(place, at);
    note.id := at;
    if deed = 'delete' then
        note.operation := 'deleted';
        execute format('delete from shop.%I where id = $1 returning tag, torture.digest(filling)', place)
        into note.tag, note.filling using at;
    elsif deed = 'move' then
        note.operation := 'updated';
        note.former_id := at;
        note.former_version := note.version;
        note.id := other;
        note.version := torture.next_version(place, other);
        execute format(
            'update shop.%1$I set id = $2, version = $3, tag = $4
             where  id = $1 and not exists (select from shop.%1$I where id = $2)
             returning tag, torture.digest(filling)', place)
        into note.tag, note.filling using at, other, note.version, note.tag;
    else
        note.operation := 'updated';
        execute format(
            'update shop.%I set version = $2, tag = $3, filling = coalesce($4, filling)
             where id = $1 returning torture.digest(filling)', place)
        into note.filling
        using at, note.version, note.tag, case when deed = 'put' then torture.filling(size) end;
        if note.filling is null then
            note.operation := 'created';
            execute format(
                'insert into shop.%I values ($1, $2, $3, torture.filling($4))
                 returning torture.digest(filling)', place)
            into note.filling using at, note.version, note.tag, size;
        end if;
    end if;
    -- Nothing was there to delete or to move.
    if note.filling is not null then
        insert into torture.journal select note.*;
    end if;
end
$$;

create function torture.bulk(rows integer) returns void language sql as $$
    with made as (
        insert into shop.bulk
        select nextval('torture.bulk_id'), 1, nextval('torture.tag'), torture.filling(64)
        from   generate_series(1, rows)
        returning *
    )
    insert into torture.journal (place, operation, tag, id, version, filling)
    select 'bulk', 'created', tag, id, version, torture.digest(filling)
    from   made
$$;

-- What a full disk says, where no small disk can be mounted.
create function torture.no_space() returns trigger language plpgsql as $$
begin
    raise exception 'could not extend file: No space left on device' using errcode = '53100';
end
$$;
