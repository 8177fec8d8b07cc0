//! The installed schema: every object explained, every function shut, every statement prepared.

mod support;

use support::pg::{Database, Pg};
use walhook::admin::init;
use walhook::config::dsn::Dsn;
use walhook::store::schema::Installation;

async fn installed() -> Database {
    let database = Pg::shared().database().await;
    let installation = Installation {
        slot: database.name.clone(),
        publication: "walhook".to_owned(),
        ..Installation::default()
    };
    let dsn = Dsn::parse(&database.url).expect("a URL");
    let applied = init::install(&dsn, &installation, &mut |_| ()).await.expect("a session");
    assert_eq!(applied.left, 0);
    database
}

async fn names(database: &Database, sql: &str) -> Vec<String> {
    database.query(sql, &[]).await.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_object_of_the_schema_has_a_comment() {
    let database = installed().await;
    let without = names(
        &database,
        "select c.relname || coalesce('.' || a.attname, '')
         from   pg_class as c
         cross  join lateral (
                    select 0, null::name
                    union all
                    select attnum, attname
                    from   pg_attribute
                    where  attrelid = c.oid and attnum > 0 and not attisdropped
                ) as a (attnum, attname)
         where  c.relnamespace = 'walhook'::regnamespace
         and    c.relkind in ('r', 'p', 'v')
         -- Partitions are the log's own business.
         and    not c.relispartition
         and    col_description(c.oid, a.attnum) is null
         and    (a.attnum > 0 or obj_description(c.oid, 'pg_class') is null)
         union all
         select p.oid::regprocedure::text
         from   pg_proc as p
         where  p.pronamespace = 'walhook'::regnamespace
         and    obj_description(p.oid, 'pg_proc') is null
         union all
         select polname
         from   pg_policy
         where  obj_description(oid, 'pg_policy') is null
         union all
         select nspname from pg_namespace
         where  nspname = 'walhook' and obj_description(oid, 'pg_namespace') is null",
    )
    .await;
    assert_eq!(without, Vec::<String>::new());
}

#[tokio::test]
async fn every_function_pins_its_search_path() {
    let database = installed().await;
    let open = names(
        &database,
        "select proname::text from pg_proc
         where  pronamespace = 'walhook'::regnamespace
         and    not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)",
    )
    .await;
    assert_eq!(open, Vec::<String>::new());
}

#[tokio::test]
async fn the_public_may_name_the_actor_and_emit_and_nothing_else() {
    let database = installed().await;
    let functions = names(
        &database,
        "select proname::text from pg_proc
         where  pronamespace = 'walhook'::regnamespace
         and    has_function_privilege('public', oid, 'execute')
         order  by 1",
    )
    .await;
    assert_eq!(functions, ["emit", "set_user"]);
    let tables = names(
        &database,
        "select relname::text from pg_class
         where  relnamespace = 'walhook'::regnamespace and relkind in ('r', 'p', 'v', 'S')
         and    has_table_privilege('public', oid, 'select, insert, update, delete, truncate')",
    )
    .await;
    assert_eq!(tables, Vec::<String>::new());
}

#[tokio::test]
async fn viewers_read_everything_and_write_nothing() {
    let database = installed().await;
    let unreadable = names(
        &database,
        "select relname::text from pg_class
         where  relnamespace = 'walhook'::regnamespace and relkind in ('r', 'p', 'v')
         and    not relispartition
         and    not has_table_privilege('walhook_viewer', oid, 'select')",
    )
    .await;
    assert_eq!(unreadable, ["endpoint_secret"]);
    let writable = names(
        &database,
        "select relname::text from pg_class
         where  relnamespace = 'walhook'::regnamespace and relkind in ('r', 'p', 'v')
         and    (has_table_privilege('walhook_viewer', oid, 'insert, update, delete, truncate')
                 or has_any_column_privilege('walhook_viewer', oid, 'insert, update')
                 or relname not in ('application', 'endpoint', 'event_type', 'model')
                    and has_table_privilege('walhook_admin', oid, 'insert, update, delete, truncate'))",
    )
    .await;
    assert_eq!(writable, Vec::<String>::new(), "not even admins write the log");
}

#[tokio::test]
async fn admins_write_settings_and_no_books() {
    let database = installed().await;
    let books = names(
        &database,
        "select attrelid::regclass || '.' || attname
         from   pg_attribute
         where  attrelid = any ('{walhook.application,walhook.endpoint,walhook.model,walhook.event_type}'::regclass[])
         and    attname in ('id', 'managed_by', 'created_by', 'created_at', 'fault', 'active_from', 'signed', 'removed_at')
         and    has_column_privilege('walhook_admin', attrelid, attnum, 'insert, update')",
    )
    .await;
    assert_eq!(books, Vec::<String>::new());
}

/// A column that says whose a row is, or a body that somebody gets.
#[tokio::test]
async fn every_table_with_data_of_tenants_is_under_row_level_security() {
    let database = installed().await;
    let open = names(
        &database,
        "select distinct c.relname::text
         from   pg_class     as c
         join   pg_attribute as a on a.attrelid = c.oid and not a.attisdropped
         where  c.relnamespace = 'walhook'::regnamespace
         and    c.relkind in ('r', 'p')
         and    not c.relispartition
         and    a.attname in ('application', 'admin_role', 'endpoint_id', 'endpoint_name', 'model', 'body')
         and    not c.relrowsecurity",
    )
    .await;
    assert_eq!(open, Vec::<String>::new());
    // A view without it would read as its owner, whom no policy binds.
    let views = names(
        &database,
        "select relname::text from pg_class
         where  relnamespace = 'walhook'::regnamespace and relkind = 'v'
         and    not coalesce('security_invoker=true' = any (reloptions), false)",
    )
    .await;
    assert_eq!(views, Vec::<String>::new());
    // Policies are those of the table that is named in a query.
    let granted = names(
        &database,
        "select c.relname || ' to ' || a.grantee::regrole
         from   pg_class as c, aclexplode(c.relacl) as a
         where  c.relnamespace = 'walhook'::regnamespace
         and    (c.relispartition or c.relname = 'endpoint_secret')
         and    a.grantee <> c.relowner",
    )
    .await;
    assert_eq!(granted, Vec::<String>::new());
}

#[tokio::test]
async fn triggers_functions_are_nobodys_to_call() {
    let database = installed().await;
    let callable = names(
        &database,
        "select p.proname::text
         from   pg_proc as p, aclexplode(p.proacl) as a
         where  p.pronamespace = 'walhook'::regnamespace
         and    p.prorettype = 'trigger'::regtype
         and    a.grantee <> p.proowner",
    )
    .await;
    assert_eq!(callable, Vec::<String>::new());
}

#[tokio::test]
async fn every_constraint_has_a_name_that_begins_with_its_table() {
    let database = installed().await;
    let unnamed = names(
        &database,
        "select c.conname::text
         from   pg_constraint as c
         join   pg_class      as t on t.oid = c.conrelid
         where  c.connamespace = 'walhook'::regnamespace
         and    not t.relispartition
         -- Its indexes are copies of the log's.
         and    t.relname <> 'failed_attempt'
         and    (c.contype <> 'n' and c.conname not like t.relname || '\\_%' or c.conname ~ '_check[0-9]*$')",
    )
    .await;
    assert_eq!(unnamed, Vec::<String>::new());
}

/// What `\df+` shows of the functions that are for people.
#[tokio::test]
async fn comments_of_functions_tell_what_their_arguments_are() {
    let database = installed().await;
    let silent = names(
        &database,
        "select p.proname || ': ' || argument
         from   pg_proc as p
         cross  join unnest(p.proargnames, p.proargmodes) as a (argument, mode)
         where  p.pronamespace = 'walhook'::regnamespace
         and    coalesce(mode, 'i') in ('i', 'b')
         and    (has_function_privilege('walhook_admin', p.oid, 'execute')
                 or has_function_privilege('public', p.oid, 'execute'))
         -- It has one for each column of the table, which is explained there.
         and    p.proname <> 'create_endpoint'
         -- One of the words of its name, in the singular or not; an endpoint''s name is its.
         and    not exists (
                    select
                    from   unnest(string_to_array(case argument when 'name' then 'endpoint' else argument end, '_')) as word
                    where  obj_description(p.oid, 'pg_proc') ~* word)",
    )
    .await;
    assert_eq!(silent, Vec::<String>::new());
}

#[tokio::test]
async fn postgres_prepares_every_statement() {
    let database = installed().await;
    let mut refused = Vec::new();
    for (name, sql) in walhook::store::STATEMENTS {
        let is_copy = sql.lines().any(|line| line.starts_with("copy "));
        let outcome = match is_copy {
            // COPY has no parameters to prepare for; without rows it still needs its columns.
            true => empty_copy(&database, sql).await,
            false => database.client().prepare(sql).await.map(|_| ()),
        };
        if let Err(error) = outcome {
            refused.push(format!("{name}: {error:?}"));
        }
        assert!(sql.starts_with(&format!("-- {name}: ")), "{name} says what it is for");
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// A plan is made once and kept while the queue grows, so it must be right when it is made for an
/// empty table.
#[tokio::test]
async fn no_statement_of_the_queue_reads_the_whole_of_it() {
    let database = installed().await;
    database.execute(include_str!("../sql/queue_session.sql")).await;
    database.execute("analyze walhook.pending; set plan_cache_mode = force_generic_plan").await;
    let queue = [
        "backlog_page",
        "blocked_run",
        "drop_bodies",
        "due_page",
        "next_due",
        "reschedule",
        "settle",
    ];
    for (name, sql) in walhook::store::STATEMENTS.iter().filter(|(name, _)| queue.contains(name)) {
        let statement = database.client().prepare(sql).await.unwrap();
        let nulls = vec!["null"; statement.params().len()].join(", ");
        database.execute(&format!("prepare {name} as {sql}")).await;
        let explain = format!("explain execute {name} ({nulls})");
        let plan = format!("{:?}", database.client().simple_query(&explain).await.unwrap());
        assert!(!plan.contains("Seq Scan on pending"), "{name}: {plan}");
        assert!(plan.contains("Index"), "{name}: {plan}");
    }
}

async fn empty_copy(database: &Database, sql: &str) -> Result<(), tokio_postgres::Error> {
    let sink = database.client().copy_in::<_, bytes::Bytes>(sql).await?;
    let mut sink = std::pin::pin!(sink);
    let nothing = [&b"PGCOPY\n\xff\r\n\0"[..], &[0; 8], &[0xff, 0xff]].concat();
    futures_util::SinkExt::send(&mut sink, bytes::Bytes::from(nothing)).await?;
    sink.finish().await.map(|_| ())
}

#[tokio::test]
async fn a_database_of_another_encoding_takes_the_schema() {
    let database = Pg::shared().database().await;
    let name = format!("{}_latin1", database.name);
    let create = format!(
        "create database {name} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'"
    );
    database.execute(&create).await;
    let dsn = Dsn::parse(&database.url.replace(&database.name, &name)).expect("a URL");
    let installation = Installation {
        slot: name.clone(),
        publication: "walhook".to_owned(),
        ..Installation::default()
    };
    let applied = init::install(&dsn, &installation, &mut |_| ()).await.expect("a session");
    assert_eq!(applied.left, 0);
}

#[tokio::test]
async fn an_endpoint_without_retries_is_not_told_that_one_is_due_now() {
    let database = installed().await;
    let dsn = Dsn::parse(&database.url).expect("a URL");
    let session = walhook::store::Session::connect(&dsn).await.expect("a session");
    let nobody = walhook::endpoint::EndpointId(uuid::Uuid::nil());
    assert_eq!(session.next_due(nobody, &[]).await.expect("an answer"), None);
}
