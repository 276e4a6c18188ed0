-- Supabase grants everything new in public to the API roles. Take all of it back, then grant what is
-- needed; the rest goes through the functions. service_role bypasses RLS, so grants are all that binds it.

alter table public.widget_keys enable row level security;
alter table public.conversations enable row level security;
alter table public.messages enable row level security;
alter table public.message_attachments enable row level security;
alter table public.conversation_events enable row level security;
alter table public.conversation_receipts enable row level security;
alter table public.realtime_conversations enable row level security;
alter table campfire.settings enable row level security;
alter table campfire.visitor_rates enable row level security;

revoke all on
    public.widget_keys, public.conversations, public.messages, public.message_attachments,
    public.conversation_events, public.conversation_receipts, public.realtime_conversations
    from public, anon, authenticated, service_role;

-- Who is in which organization may be the application's own business, with ways of its own to change it.
do $$
declare
    v_table text;
begin
    foreach v_table in array array['organizations', 'organization_members']
    loop
        if not exists (select from campfire.adopted_tables where name = v_table) then
            execute format('alter table public.%I enable row level security', v_table);
            execute format('revoke all on public.%I from public, anon, authenticated, service_role', v_table);
        end if;
    end loop;
end
$$;

-- The server of the application.
grant select, insert, update, delete on
    public.organizations, public.organization_members, public.widget_keys, public.conversations
    to service_role;
grant select, insert, update on public.messages to service_role;
grant select on
    public.message_attachments, public.conversation_events,
    public.conversation_receipts, public.realtime_conversations
    to service_role;

-- Agents.
grant select on
    public.organizations, public.organization_members, public.conversations, public.messages,
    public.message_attachments, public.conversation_receipts, public.realtime_conversations
    to authenticated;
grant insert (id, conversation_id, content, attachments, metadata) on public.messages to authenticated;

-- Visitors: their own conversation, without what is meant for the agents (ai_metadata, customer_ip, …).
grant select on public.message_attachments, public.conversation_receipts, public.realtime_conversations to anon;
grant select (
    id, conversation_id, organization_id, sequence, content, sender_type, sender_id, sender_name,
    sender_email, metadata, attachments, edited_at, deleted_at, created_at) on public.messages to anon;
grant insert (id, conversation_id, content, attachments, metadata) on public.messages to anon;

-- widget_keys and conversation_events have no policy: nobody but the server reads those tables, and
-- participants read the log with campfire_events.

create policy organizations_select_member on public.organizations
    for select to authenticated
    using (id in (select campfire.member_organizations()));

create policy organization_members_select_member on public.organization_members
    for select to authenticated
    using (organization_id in (select campfire.member_organizations()));

create policy conversations_select_member on public.conversations
    for select to authenticated
    using (organization_id in (select campfire.member_organizations()));

create policy messages_select_member on public.messages
    for select to authenticated
    using (organization_id in (select campfire.member_organizations()));

create policy messages_select_visitor on public.messages
    for select to anon
    using (conversation_id = (select campfire.visitor_conversation_id()));

create policy messages_insert_member on public.messages
    for insert to authenticated
    with check (organization_id in (select campfire.member_organizations(p_can_write => true)));

create policy messages_insert_visitor on public.messages
    for insert to anon
    with check (conversation_id = (select campfire.visitor_conversation_id()));

create policy message_attachments_select_member on public.message_attachments
    for select to authenticated
    using (organization_id in (select campfire.member_organizations()));

create policy message_attachments_select_visitor on public.message_attachments
    for select to anon
    using (conversation_id = (select campfire.visitor_conversation_id()));

create policy conversation_receipts_select_member on public.conversation_receipts
    for select to authenticated
    using (organization_id in (select campfire.member_organizations()));

create policy conversation_receipts_select_visitor on public.conversation_receipts
    for select to anon
    using (conversation_id = (select campfire.visitor_conversation_id()));

-- The system that this replaces had policies of these names that let anon write every tenant's rows.
-- Only the mirror's trigger writes, so nobody holds INSERT or UPDATE; should an application grant them,
-- the policies still ask for membership.
drop policy if exists realtime_conv_select on public.realtime_conversations;
drop policy if exists realtime_conv_insert on public.realtime_conversations;
drop policy if exists realtime_conv_update on public.realtime_conversations;

create policy realtime_conv_select on public.realtime_conversations
    for select to anon, authenticated
    using (
        organization_id in (select campfire.member_organizations())
        or id = (select campfire.visitor_conversation_id()));

create policy realtime_conv_insert on public.realtime_conversations
    for insert to authenticated
    with check (organization_id in (select campfire.member_organizations(p_can_write => true)));

create policy realtime_conv_update on public.realtime_conversations
    for update to authenticated
    using (organization_id in (select campfire.member_organizations(p_can_write => true)))
    with check (organization_id in (select campfire.member_organizations(p_can_write => true)));

-- Policies add up: one of the application's that says true would open everything beside ours. Restrictive
-- ones bound them all, whether they were there before or come later.
create policy conversations_all_participant on public.conversations
    as restrictive for all to anon, authenticated
    using (
        organization_id in (select campfire.member_organizations())
        or id = (select campfire.visitor_conversation_id()));

-- What an application has marked as deleted may still be in the row.
create policy messages_all_participant on public.messages
    as restrictive for all to anon, authenticated
    using (
        deleted_at is null
        and (organization_id in (select campfire.member_organizations())
            or conversation_id = (select campfire.visitor_conversation_id())));

create policy realtime_conversations_all_participant on public.realtime_conversations
    as restrictive for all to anon, authenticated
    using (
        organization_id in (select campfire.member_organizations())
        or id = (select campfire.visitor_conversation_id()));

-- With an organization go its conversations.
create policy organizations_delete_member on public.organizations
    as restrictive for delete to anon, authenticated
    using (id in (select campfire.member_organizations(p_can_write => true)));
