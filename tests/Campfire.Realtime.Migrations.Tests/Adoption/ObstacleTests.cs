using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests.Adoption;

// What cannot be adopted is told as a list, and nothing is changed.
public sealed class ObstacleTests : AdoptionFixture
{
    [TestCase("alter table messages drop constraint messages_pkey; alter table messages alter column id drop default, alter column id type text, add primary key (id)",
        "messages.id is of type text; it must be uuid. Change it: alter table public.messages alter column id type uuid using …;")]
    [TestCase("alter table messages alter column sender_id type bigint using null",
        "messages.sender_id is of type bigint; it must be text or character varying or uuid. Change it: alter table public.messages alter column sender_id type text using …;")]
    [TestCase("alter table conversations alter column tags drop default, alter column tags type jsonb using to_jsonb(tags)",
        "conversations.tags is of type jsonb; it must be text[] or character varying[]. Change it: alter table public.conversations alter column tags type text[] using …;")]
    [TestCase("alter table messages alter column created_at type timestamp",
        "messages.created_at is of type timestamp without time zone; it must be timestamptz. Change it: alter table public.messages alter column created_at type timestamptz using …;")]
    [TestCase("alter table messages drop column created_at",
        "messages.created_at is missing. Campfire cannot know what belongs there; add and fill it.")]
    [TestCase("alter table messages add column sequence bigint",
        "messages.sequence is there already, and Campfire needs the name. Rename it: alter table public.messages rename column sequence to …;")]
    [TestCase("alter table messages alter column content type varchar(5000)",
        "messages.content takes 5000 characters; Campfire stores up to 16000 there. Change it: alter table public.messages alter column content type text;")]
    [TestCase("alter table conversations alter column tags type varchar(20)[]",
        "conversations.tags takes 20 characters; Campfire stores up to 50 there. Change it: alter table public.conversations alter column tags type text[];")]
    [TestCase("delete from messages; alter table messages alter column sender_name set not null",
        "messages.sender_name does not take null, and Campfire may have nothing to put there. Change it: alter table public.messages alter column sender_name drop not null;")]
    [TestCase("alter table conversations add column \"Shop\" text; update conversations set \"Shop\" = 'a'; alter table conversations alter column \"Shop\" set not null",
        "conversations.Shop must be filled, has no default, and Campfire does not know it. Give it a default: alter table public.conversations alter column \"Shop\" set default …;")]
    [TestCase("alter table messages drop column metadata; alter table messages add column metadata jsonb generated always as ('{}'::jsonb) stored",
        "messages.metadata is filled by the database; Campfire must be able to write it. Drop the expression or the identity.")]
    [TestCase("alter table messages drop constraint messages_pkey; alter table messages add primary key (id, conversation_id)",
        "messages has no primary key on id alone. Change it: alter table public.messages drop constraint messages_pkey, add primary key (id);")]
    [TestCase("create table people (id uuid primary key); update messages set sender_id = null; alter table messages add constraint who foreign key (sender_id) references people",
        "messages.sender_id refers to people, where visitors and programs do not stand. Drop the foreign key: alter table public.messages drop constraint who;")]
    [TestCase("alter table conversations alter column status drop default, alter column status type text; alter table conversations add constraint known check (status in ('open', 'pending', 'assigned', 'closed'))",
        "The constraint known of conversations does not allow archived in status. Widen it, or drop it: alter table public.conversations drop constraint known;")]
    [TestCase("create table message_attachments (id int)",
        "public.message_attachments is there already, and is not Campfire's. Rename it: alter table public.message_attachments rename to …;")]
    [TestCase("create function campfire_events() returns int language sql as 'select 1'",
        "The function campfire_events() is there already, and is not Campfire's. Rename or drop it.")]
    [TestCase("create schema campfire; create table campfire.notes (id int)",
        "The schema campfire holds notes, which is not Campfire's. Move it to another schema.")]
    [TestCase("create rule quiet as on delete to messages do instead nothing",
        "public.messages has rewrite rules. Drop them; triggers do the same: drop rule quiet on public.messages;")]
    [TestCase("drop table realtime_conversations; create view realtime_conversations as select 1 as id",
        "public.realtime_conversations is not an ordinary table. Rename it, or move its rows into one.")]
    [TestCase("create policy conversations_select_member on conversations using (true)",
        "public.conversations has a policy conversations_select_member, a name that Campfire uses. Rename it: alter policy conversations_select_member on public.conversations rename to …;")]
    [TestCase("create trigger record_message_trigger after insert on messages for each row execute function note_change()",
        "public.messages has a trigger record_message_trigger, a name that Campfire uses. Rename it: alter trigger record_message_trigger on public.messages rename to …;")]
    [TestCase("alter table organization_members disable row level security",
        "public.organization_members has no row level security, so anybody could make himself an agent. Write policies that say who may change it, then: alter table public.organization_members enable row level security;")]
    [TestCase("alter table organizations disable row level security",
        "public.organizations has no row level security, so anybody could delete an organization with its conversations. Write policies that say who may change it, then: alter table public.organizations enable row level security;")]
    [TestCase("update messages set sender_type = 'bot' where sender_type = 'ai'",
        "messages.sender_type holds bot. Campfire knows visitor, agent, ai, system; change the others first: update public.messages set sender_type = … where sender_type = …;")]
    [TestCase("drop trigger sync_realtime_conversations_trigger on conversations; alter table conversations alter column organization_id drop not null; update conversations set organization_id = null where channel = 'mail'",
        "1 conversations belong to no organization. Set their organization_id, or delete them.")]
    [TestCase("alter table conversations drop constraint conversations_organization_id_fkey; delete from organization_members where role = 'owner'; delete from organizations where title = 'Globex'",
        "1 conversations belong to organizations that are not in public.organizations. Add these organizations.")]
    [TestCase("drop table conversations cascade; drop table realtime_conversations",
        "5 messages belong to no conversation: there is no table public.conversations. Rename public.messages, or empty it.")]
    [TestCase("update messages set created_at = 'infinity' where content = 'first'",
        "1 messages have no time, or an infinite one. Set their created_at: it decides their place in the conversation.")]
    [TestCase("update conversations set created_at = '-infinity' where channel = 'mail'",
        "1 conversations were created at an infinite time. Set their created_at.")]
    [TestCase("update conversations set updated_at = 'infinity' where channel = 'mail'",
        "1 conversations were changed at an infinite time. Set their updated_at.")]
    [TestCase("alter table messages alter column sender_type drop not null; update messages set sender_type = null where content = 'first'",
        "1 messages have no sender_type. Set it to visitor, agent, ai or system.")]
    [TestCase("alter table messages add constraint brief check (char_length(content) between 1 and 5000)",
        "The constraint brief of messages does not allow an empty text, 16000 characters in content. Widen it, or drop it: alter table public.messages drop constraint brief;")]
    [TestCase("alter table conversations add column last_message_preview text check (length(last_message_preview) <= 100)",
        "The constraint conversations_last_message_preview_check of conversations does not allow 140 characters in last_message_preview. Widen it, or drop it: alter table public.conversations drop constraint conversations_last_message_preview_check;")]
    [TestCase("alter table conversations add constraint rated check (satisfaction is not null) not valid",
        "2 rows of conversations break its constraint rated, which was never validated. Correct them, or drop it: alter table public.conversations drop constraint rated;")]
    [TestCase("create table old_messages () inherits (messages)",
        "public.messages is part of an inheritance. Keep its rows in one table: alter table … no inherit …;")]
    [TestCase("create trigger spam_filter before insert on messages for each row execute function note_change()",
        "The trigger spam_filter of public.messages fires after Campfire's and could drop what that has numbered. Let it fire before: alter trigger spam_filter on public.messages rename to a_spam_filter;")]
    [TestCase("create view message_feed as select * from messages; grant select on message_feed to anon",
        "The view message_feed shows messages to everybody who may read it, whatever the policies say. Let it ask them: alter view message_feed set (security_invoker = true);")]
    [TestCase("create view inner_feed with (security_invoker = true) as select m.*, c.channel from messages m join conversations c on c.id = m.conversation_id; create view \"Outer\" as select * from inner_feed; revoke all on inner_feed from anon, authenticated",
        "The view \"Outer\" shows conversations and messages to everybody who may read it, whatever the policies say. Let it ask them: alter view \"Outer\" set (security_invoker = true);")]
    [TestCase("create materialized view message_counts as select count(*) from messages",
        "The view message_counts shows messages to everybody who may read it, whatever the policies say. Close it: revoke all on message_counts from anon, authenticated;")]
    [TestCase("create policy join_anything on organization_members for insert to authenticated with check (user_id = auth.uid())",
        "By the policy join_anything anybody could make himself an agent of any organization. Let it ask for an invitation, or the organization's owner: alter policy join_anything on public.organization_members …;")]
    [TestCase("alter table conversations add unique (customer_email)",
        "By the unique index conversations_customer_email_key there is one row of conversations for each customer_email; Campfire stores several. Drop it, or limit it with a condition.")]
    [TestCase("alter table messages drop constraint messages_conversation_id_fkey; update messages set conversation_id = gen_random_uuid()",
        "5 messages belong to no conversation. Delete them, or give them one.")]
    [TestCase("alter table messages add column organization_id uuid; update messages set organization_id = '00000000-0000-7000-8000-000000000002' where content = 'first'",
        "1 messages name another organization than their conversation does. Find out which is right, and correct the other.")]
    [TestCase("update messages set created_at = null where content = 'first'",
        "1 messages have no time, or an infinite one. Set their created_at: it decides their place in the conversation.")]
    [TestCase("insert into organization_members (organization_id, user_id, role) select organization_id, user_id, role from organization_members where role = 'owner'",
        "1 users are in an organization more than once. Keep one row of organization_members each.")]
    [TestCase("insert into realtime_conversations (id, organization_id) values (gen_random_uuid(), gen_random_uuid())",
        "1 rows of realtime_conversations mirror no conversation. Delete them.")]
    public async Task Obstacle_is_told_with_its_remedy(string breaking, string obstacle)
    {
        await ExecuteAsync(breaking);

        Assert.That(Refused().Obstacles, Is.EqualTo(new[] { obstacle }));
    }

    [TestCase("create view message_feed with (security_invoker = true) as select * from messages")]
    [TestCase("create view message_feed as select * from messages; revoke all on message_feed from anon, authenticated")]
    [TestCase("create policy invited on organization_members for insert to authenticated with check (exists (select from audit where what = user_id::text))")]
    [TestCase("create policy join_anything on organization_members for insert to authenticated with check (true); revoke insert on organization_members from authenticated")]
    [TestCase("create unique index one_open on conversations (organization_id, customer_email) where status = 'open'")]
    [TestCase("create trigger a_filter before insert on messages for each row execute function note_change()")]
    [TestCase("alter table messages add constraint brief check (length(content) <= 20000)")]
    [TestCase("alter table conversations add constraint rated check (satisfaction is null or satisfaction < 9) not valid")]
    [TestCase("alter table conversations drop constraint conversations_organization_id_fkey; create table tenants (id uuid primary key); insert into tenants select id from organizations; alter table conversations add constraint fk_conversations_organization_id foreign key (organization_id) references tenants")]
    public async Task What_does_no_harm_is_no_obstacle(string harmless)
    {
        await ExecuteAsync(harmless);

        Assert.DoesNotThrowAsync(MigrateAsync);
    }

    // Only a superuser can get a database into these states, on Supabase its support.
    [TestCase("drop publication supabase_realtime; create publication supabase_realtime for tables in schema public; alter publication supabase_realtime owner to postgres",
        "The publication supabase_realtime is for all tables of a schema, so it cannot be limited to scalar columns. Name its tables one by one instead: alter publication supabase_realtime set table …;")]
    [TestCase("drop publication supabase_realtime; create publication supabase_realtime for all tables; alter publication supabase_realtime owner to postgres",
        "The publication supabase_realtime is FOR ALL TABLES, so it cannot be limited to scalar columns. Drop it and create it again with the tables that are listened to.")]
    [TestCase("alter publication supabase_realtime owner to supabase_admin",
        "The publication supabase_realtime belongs to supabase_admin. Make postgres its owner: alter publication supabase_realtime owner to postgres;")]
    [TestCase("alter table messages owner to supabase_admin",
        "public.messages belongs to supabase_admin. Make postgres its owner: alter table public.messages owner to postgres;")]
    [TestCase("alter type conversation_status owner to supabase_admin",
        "The type conversation_status of conversations.status lacks archived and belongs to supabase_admin. Make postgres its owner: alter type conversation_status owner to postgres;")]
    public async Task Obstacle_that_only_a_superuser_makes_is_told_with_its_remedy(string breaking, string obstacle)
    {
        await ExecuteAsSuperuserAsync(breaking);

        Assert.That(Refused().Obstacles, Is.EqualTo(new[] { obstacle }));
    }

    [Test]
    public async Task All_obstacles_are_told_at_once_and_nothing_is_changed()
    {
        await ExecuteAsync(
            """
            alter table messages add column sequence bigint;
            alter table conversations alter column customer type json using customer::json;
            create table widget_keys (id int);
            """);
        string before = await ReadAsync<string>(Catalogue.Query);

        CampfireMigrationException refusal = Refused();

        Assert.That(refusal.Obstacles, Has.Count.EqualTo(3));
        Assert.That(refusal.Message, Does.Contain("3 obstacles"));
        Assert.That(refusal.MigrationName, Is.EqualTo("0001_survey"));
        Assert.That(await ReadAsync<string>(Catalogue.Query), Is.EqualTo(before));
        Assert.That(await ReadAsync<bool>("select to_regnamespace('campfire') is null"), Is.True);
    }

    private CampfireMigrationException Refused()
    {
        CampfireMigrationException refusal = Assert.ThrowsAsync<CampfireMigrationException>(MigrateAsync)!;
        Assert.That(refusal.Code, Is.EqualTo(CampfireMigrationErrorCode.NotAdoptable), refusal.Message);
        return refusal;
    }
}
