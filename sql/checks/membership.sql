-- Who is in organization_members is an agent and reads the whole organization. The table may belong to the
-- application, with ways of its own to change it; it must be readable for us, and not writable for everybody.

with members as (
    select oid, relrowsecurity, relowner, relforcerowsecurity
    from pg_catalog.pg_class
    where oid = to_regclass('public.organization_members')
),
-- What a role may write there, with the policies that allow it. Without row level security a grant is enough.
way as (
    select role.name as role_name, command.word, policy.polname,
        members.relrowsecurity as is_bounded,
        coalesce(pg_catalog.pg_get_expr(
            case when command.letter = 'a' then coalesce(policy.polwithcheck, policy.polqual) else policy.polqual end,
            policy.polrelid) = 'true', false) as is_open,
        -- Asks another table, or a function other than Supabase's own about the token.
        exists (
            select from pg_catalog.pg_depend dependency
            where dependency.classid = 'pg_catalog.pg_policy'::regclass and dependency.objid = policy.oid
              and ((dependency.refclassid = 'pg_catalog.pg_class'::regclass and dependency.refobjid <> policy.polrelid)
                or (dependency.refclassid = 'pg_catalog.pg_proc'::regclass and dependency.refobjid not in (
                    select oid from pg_catalog.pg_proc where pronamespace = to_regnamespace('auth'))))) as asks_elsewhere
    from members
    cross join (values ('anon'), ('authenticated')) as role (name)
    cross join (values ('a'::"char", 'insert'), ('w', 'update'), ('d', 'delete')) as command (letter, word)
    left join pg_catalog.pg_policy policy
        on policy.polrelid = members.oid
        and policy.polpermissive
        and policy.polcmd in (command.letter, '*')
        and (policy.polroles @> array[0::oid] or policy.polroles @> array[to_regrole(role.name)::oid])
    where (not members.relrowsecurity or policy.oid is not null)
      and case command.letter
        when 'd' then has_table_privilege(role.name, members.oid, 'delete')
        else has_any_column_privilege(role.name, members.oid, command.word)
      end
)
select
    'membership_unreachable' as code,
    'error' as severity,
    'public.organization_members' as object,
    format('%s, who owns campfire.is_member, cannot read the table, so nobody is an agent.', owner.rolname) as message,
    format('%sgrant select on public.organization_members to %I',
        case when not pg_has_role(members.relowner, 'usage') then
            format('-- As the table''s owner %s: ', pg_catalog.pg_get_userbyid(members.relowner))
        end,
        owner.rolname) as fix
from members
join pg_catalog.pg_proc function on function.oid = to_regprocedure('campfire.is_member(uuid)')
join pg_catalog.pg_roles owner on owner.oid = function.proowner
where not has_table_privilege(owner.oid, members.oid, 'select')
-- What else could keep the owner out, row level security, function_owner reports.

union all
select
    'membership_writable',
    case when bool_or(way.is_open or not way.is_bounded) then 'error' else 'warning' end,
    'public.organization_members',
    format('%s may %s rows there%s, hence make themselves agents of any organization.',
        string_agg(distinct way.role_name, ' and '), string_agg(distinct way.word, ', '),
        ' by the policy ' || string_agg(distinct quote_ident(way.polname), ', ')),
    case
        when bool_or(not way.is_bounded)
            then 'revoke insert, update, delete on public.organization_members from public, anon, authenticated'
        when bool_and(way.is_open)
            then string_agg(distinct format('drop policy %I on public.organization_members', way.polname), '; ')
        else '-- Let it ask for an invitation, or the organization''s owner: alter policy … on public.organization_members …'
    end
from way
-- Who only removes himself makes nobody an agent.
where not way.is_bounded or way.is_open or (way.word <> 'delete' and not way.asks_elsewhere)
having count(*) > 0
