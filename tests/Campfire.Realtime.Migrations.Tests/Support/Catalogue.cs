namespace Campfire.Realtime.Migrations.Tests.Support;

// What the schemas public, campfire and realtime hold, as one text to compare.
internal static class Catalogue
{
    public const string Query = """
        with relations as (
            select c.* from pg_class c where c.relnamespace in ('public'::regnamespace, to_regnamespace('campfire'))
        ), functions as (
            select p.* from pg_proc p where p.pronamespace in ('public'::regnamespace, to_regnamespace('campfire'))
        ), lines as (
            select 'schema ' || nspname || ' ' || nspowner::regrole || ' ' || coalesce(nspacl::text, '') as line
            from pg_namespace where nspname in ('public', 'campfire')
            union all
            select 'relation ' || oid::regclass || ' ' || relkind::text || ' ' || relowner::regrole || ' ' || relrowsecurity
                || ' ' || relforcerowsecurity || ' ' || coalesce(relacl::text, '') || ' ' || coalesce(reloptions::text, '')
            from relations
            union all
            select 'column ' || a.attrelid::regclass || ' ' || a.attnum || ' ' || a.attname || ' '
                || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' || coalesce(a.attacl::text, '')
                || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
            from relations r
            join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            union all
            select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
            from pg_constraint where conrelid in (select oid from relations)
            union all
            select 'index ' || pg_get_indexdef(indexrelid) from pg_index where indrelid in (select oid from relations)
            union all
            select 'trigger ' || pg_get_triggerdef(oid) || ' ' || tgenabled::text from pg_trigger
            where tgrelid in (select oid from relations) and not tgisinternal
            union all
            select 'policy ' || policies::text from pg_policies policies
            union all
            select 'function ' || proowner::regrole || ' ' || coalesce(proacl::text, '') || ' ' || pg_get_functiondef(oid)
            from functions where prokind <> 'a'
            union all
            select 'enum ' || t.oid::regtype || ' ' || string_agg(e.enumlabel, ', ' order by e.enumsortorder)
            from pg_type t join pg_enum e on e.enumtypid = t.oid group by t.oid
            union all
            select 'published ' || published::text from pg_publication_tables published where schemaname = 'public'
            union all
            select 'comment ' || d.classoid::regclass || ' ' || d.objsubid || ' ' || d.description
            from pg_description d where d.objoid in (select oid from relations union all select oid from functions)
            union all
            select 'default ' || defaclrole::regrole || ' ' || defaclnamespace::regnamespace || ' ' || defaclobjtype::text || ' ' || defaclacl::text
            from pg_default_acl)
        select coalesce(string_agg(line, E'\n' order by line collate "C"), '') from lines
        """;
}
