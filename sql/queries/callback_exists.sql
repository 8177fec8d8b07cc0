-- callback_exists: whether there is a function $1.$2 that takes one jsonb, and may be called.
select coalesce(has_function_privilege(to_regprocedure(format('%I.%I(jsonb)', $1::text, $2::text))::oid, 'execute'), false)
