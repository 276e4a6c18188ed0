-- A support database as it was in use before Campfire: open policies, a mirror that anybody may write, enums
-- that lack a label, columns of its own, and a publication that carries everything.

create type public.conversation_status as enum ('open', 'pending', 'assigned', 'closed');
create type public.conversation_priority as enum ('low', 'medium', 'high', 'urgent');
create type public.sender_type as enum ('visitor', 'agent', 'ai', 'system', 'bot');

create table public.organizations (
    id uuid primary key,
    title text not null,
    plan text not null default 'free'
);
alter table public.organizations enable row level security;
create policy organizations_read on public.organizations for select to authenticated using (plan = 'paid');
create table public.organization_members (
    id bigint generated always as identity primary key,
    organization_id uuid not null references public.organizations,
    user_id uuid not null,
    role text not null,
    invited_by uuid
);
alter table public.organization_members enable row level security;
create policy members_read on public.organization_members for select to authenticated using (user_id = auth.uid());

create table public.conversations (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations,
    customer_name varchar(255),
    customer_email varchar(320),
    customer jsonb,
    status public.conversation_status default 'open',
    priority public.conversation_priority default 'medium',
    tags text[] default '{}',
    customer_ip inet,
    metadata jsonb,
    ai_metadata jsonb,
    assigned_agent_id uuid,
    channel text not null default 'web',
    satisfaction smallint,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);
create index conversations_channel_idx on public.conversations (channel);
alter table public.conversations enable row level security;
alter table public.conversations replica identity full;
create policy "Anyone can do anything" on public.conversations for all using (true) with check (true);

create table public.messages (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references public.conversations deferrable initially deferred,
    content text,
    sender_type public.sender_type not null,
    sender_id uuid,
    sender_name text,
    sender_email text,
    metadata jsonb,
    ai_metadata jsonb,
    attachments jsonb,
    is_internal boolean not null default false,
    deleted_at timestamptz,
    created_at timestamptz default now()
);
alter table public.messages enable row level security;
alter table public.messages replica identity full;
create policy "Anyone can read" on public.messages for select using (true);
create policy "Anyone can write" on public.messages for insert with check (true);
create policy "Anyone can change" on public.messages for update using (true);
create policy "Anyone can delete" on public.messages for delete using (true);

create table public.realtime_conversations (
    id uuid primary key,
    organization_id uuid not null,
    customer_name text,
    status text,
    note text,
    created_at timestamptz,
    updated_at timestamptz
);
alter table public.realtime_conversations enable row level security;
create policy realtime_conv_select on public.realtime_conversations for select to anon using (true);
create policy realtime_conv_insert on public.realtime_conversations for insert to anon with check (true);
create policy realtime_conv_update on public.realtime_conversations for update to anon using (true) with check (true);

create function public.sync_realtime_conversations() returns trigger language plpgsql as $$
begin
    insert into public.realtime_conversations (id, organization_id, customer_name, status, created_at, updated_at)
    values (new.id, new.organization_id, new.customer_name, new.status, new.created_at, new.updated_at)
    on conflict (id) do update set status = excluded.status, updated_at = excluded.updated_at;
    return new;
end
$$;
create trigger sync_realtime_conversations_trigger after insert or update on public.conversations
    for each row execute function public.sync_realtime_conversations();

create table public.audit (id bigint generated always as identity primary key, what text not null);
create function public.note_change() returns trigger language plpgsql security definer as $$
begin
    insert into public.audit (what) values (tg_table_name || ' ' || tg_op);
    return null;
end
$$;
create trigger note_conversations after insert or update on public.conversations for each row execute function public.note_change();
create trigger note_messages after insert or update on public.messages for each row execute function public.note_change();
create trigger note_messages_twice after insert or update on public.messages for each row execute function public.note_change();
create trigger note_mirror after insert or update on public.realtime_conversations for each row execute function public.note_change();
alter table public.messages disable trigger note_messages_twice;
alter table public.messages enable always trigger note_messages;

create table public.tickets (id bigint generated always as identity primary key, labels text[]);
insert into public.tickets (labels) values ('{a,b}');
alter publication supabase_realtime add table public.conversations, public.messages, public.tickets;

insert into public.organizations (id, title, plan) values
    ('00000000-0000-7000-8000-000000000001', 'Acme', 'paid'),
    ('00000000-0000-7000-8000-000000000002', 'Globex', 'free');
insert into public.organization_members (organization_id, user_id, role) values
    ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-00000000000a', 'agent'),
    ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-00000000000b', 'bookkeeper'),
    ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-00000000000c', 'owner');
insert into public.conversations (
    id, organization_id, customer_name, customer_email, customer, status, priority, tags, customer_ip, metadata, channel, created_at, updated_at)
values
    ('00000000-0000-7000-8000-0000000000c1', '00000000-0000-7000-8000-000000000001', 'Víctor', 'victor@example.com',
     '{"plan":"gold"}', 'assigned', 'urgent', '{vip,billing}', '192.0.2.7', '{"page":"/pricing"}', 'web',
     '2026-01-02 03:04:05.678901+00', '2026-01-03 00:00:00+00'),
    ('00000000-0000-7000-8000-0000000000c2', '00000000-0000-7000-8000-000000000002', null, null, null, null, null, null, null, null, 'mail',
     '2026-02-01 00:00:00+00', null);
insert into public.messages (id, conversation_id, content, sender_type, sender_id, sender_name, metadata, attachments, is_internal, deleted_at, created_at)
values
    -- Stored out of order, two of them at the same time.
    ('00000000-0000-7000-8000-0000000000f3', '00000000-0000-7000-8000-0000000000c1', 'third', 'visitor', null, 'Víctor', null, null, false, null, '2026-01-02 05:00:00+00'),
    ('00000000-0000-7000-8000-0000000000f2', '00000000-0000-7000-8000-0000000000c1', 'second', 'agent', '00000000-0000-7000-8000-00000000000a', 'Ann', '{"a":[1]}',
     '[{"url":"https://example.com/a.png","name":"a.png"}]', false, null, '2026-01-02 04:00:00+00'),
    ('00000000-0000-7000-8000-0000000000f1', '00000000-0000-7000-8000-0000000000c1', 'first', 'visitor', null, 'Víctor', '{}', '[]', false, null, '2026-01-02 04:00:00+00'),
    ('00000000-0000-7000-8000-0000000000f4', '00000000-0000-7000-8000-0000000000c1', 'secret that was taken back', 'ai', null, null, '{"key":"x"}', '[]', false,
     '2026-01-02 07:00:00+00', '2026-01-02 06:00:00+00'),
    ('00000000-0000-7000-8000-0000000000f5', '00000000-0000-7000-8000-0000000000c2', null, 'system', null, null, null, null, true, null, '2026-02-01 00:00:00+00');
update public.realtime_conversations set note = 'kept';
delete from public.audit;
