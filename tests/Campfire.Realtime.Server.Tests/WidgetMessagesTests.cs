using System.Text.Json.Nodes;
using Campfire.Realtime.Server.Tests.Support;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class WidgetMessagesTests
{
    private WidgetServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await WidgetServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Post_stores_the_message_and_answers_with_it()
    {
        Session session = await OpenAsync();
        var id = Guid.CreateVersion7();

        Reply reply = await _server.PostAsync(
            "messages",
            new
            {
                id,
                content = "Grüße 👋\n次の行",
                metadata = new { page = "/prices" },
                attachments = new[] { new { fileName = "a.png", contentType = "image/png", sizeBytes = 12, storagePath = "x/a.png" } },
            },
            session.Token);

        Assert.That(reply.Status, Is.EqualTo(201), reply.Text);
        Assert.That(reply.Text, Does.Contain("Grüße").And.Contain("次の行"), "Letters are not escaped.");
        JsonNode message = reply.Json;
        Assert.That(message["id"]!.GetValue<Guid>(), Is.EqualTo(id));
        Assert.That(message["sequence"]!.GetValue<long>(), Is.EqualTo(2));
        Assert.That(message["conversationId"]!.GetValue<Guid>(), Is.EqualTo(session.ConversationId));
        Assert.That(message["content"]!.GetValue<string>(), Is.EqualTo("Grüße 👋\n次の行"));
        Assert.That(message["senderType"]!.GetValue<string>(), Is.EqualTo("visitor"));
        Assert.That(message["senderId"]!.GetValue<Guid>(), Is.EqualTo(session.VisitorId));
        Assert.That(message["senderName"]!.GetValue<string>(), Is.EqualTo("Ada"));
        Assert.That(message["metadata"]!["page"]!.GetValue<string>(), Is.EqualTo("/prices"));
        Assert.That(message["attachments"]![0]!["fileName"]!.GetValue<string>(), Is.EqualTo("a.png"));
        Assert.That(message["createdAt"]!.GetValue<string>(), Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"));
        Assert.That(message["createdAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(1)));
        Assert.That(
            await Seed.ScalarAsync<string>("select content from public.messages where id = $1 and conversation_id = $2", id, session.ConversationId),
            Is.EqualTo("Grüße 👋\n次の行"));
    }

    [Test]
    public async Task Post_of_the_same_message_again_stores_it_once()
    {
        Session session = await OpenAsync();
        var message = new { id = Guid.CreateVersion7(), content = "once" };

        Reply[] replies = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => _server.PostAsync("messages", message, session.Token)));

        Assert.That(replies.Select(reply => reply.Status), Is.All.EqualTo(201));
        Assert.That(replies.Select(reply => reply.Text).Distinct().Count(), Is.EqualTo(1));
        Assert.That(await Seed.MessageCountAsync(session.ConversationId), Is.EqualTo(1));
    }

    [Test]
    public async Task Post_of_other_content_under_the_same_id_is_a_conflict()
    {
        Session session = await OpenAsync();
        var id = Guid.CreateVersion7();
        await _server.PostAsync("messages", new { id, content = "first" }, session.Token);

        Reply reply = await _server.PostAsync("messages", new { id, content = "second" }, session.Token);

        reply.AssertProblem(409, "campfire_conflict");
        Assert.That(await Seed.ScalarAsync<string>("select content from public.messages where id = $1", id), Is.EqualTo("first"));
    }

    [Test]
    public async Task Post_cannot_speak_as_somebody_else()
    {
        Session session = await OpenAsync();

        Reply reply = await _server.PostAsync(
            "messages", new { content = "I am the agent", senderType = "agent", senderId = Guid.NewGuid(), sender = new { type = "agent" } }, session.Token);

        Assert.That(reply.Json["senderType"]!.GetValue<string>(), Is.EqualTo("visitor"));
        Assert.That(reply.Json["senderId"]!.GetValue<Guid>(), Is.EqualTo(session.VisitorId));
    }

    [Test]
    public async Task Post_with_a_token_for_a_foreign_conversation_is_not_found()
    {
        Session victim = await OpenAsync();
        Session thief = await OpenAsync();
        string forged = HandMadeToken.Sign(HandMadeToken.ClaimsOf(thief with { ConversationId = victim.ConversationId }), ServerTestsSetUp.Emulator.JwtSecret);

        (await _server.PostAsync("messages", new { content = "hello" }, forged)).AssertProblem(404, "campfire_not_found");
        (await _server.GetAsync("messages", forged)).AssertProblem(404, "campfire_not_found");
        (await _server.GetAsync("messages?after=0", forged)).AssertProblem(404, "campfire_not_found");
        (await _server.PostAsync("read", new { readThrough = 1 }, forged)).AssertProblem(404, "campfire_not_found");
        Assert.That(await Seed.MessageCountAsync(victim.ConversationId), Is.Zero);
    }

    [TestCase("""{"content":""}""", 422, "campfire_invalid")]
    [TestCase("""{"content":" \n\t "}""", 422, "campfire_invalid")]
    [TestCase("""{"content":"a\u0000b"}""", 422, "campfire_invalid")]
    [TestCase("""{"content":"a\ud800b"}""", 422, "campfire_invalid")]
    [TestCase("""{"content":"a","metadata":{"k":"\u0000"}}""", 422, "campfire_invalid")]
    [TestCase("""{"content":"a","metadata":{"k":"\ud800"}}""", 422, "campfire_invalid")]
    [TestCase("""{"content":"a","metadata":[1]}""", 400, "campfire_malformed")]
    [TestCase("""{"content":"a","attachments":[null]}""", 422, "campfire_invalid")]
    [TestCase("""{"content":"a","attachments":[{"fileName":"a"}]}""", 400, "campfire_malformed")]
    [TestCase("""{"content":"a","attachments":{}}""", 400, "campfire_malformed")]
    [TestCase("""{"content":["a"]}""", 400, "campfire_malformed")]
    [TestCase("""{"content":"a","id":"7"}""", 400, "campfire_malformed")]
    [TestCase("""{"content":"a","id":"00000000-0000-0000-0000-000000000000"}""", 422, "campfire_invalid")]
    [TestCase("""{"text":"a"}""", 400, "campfire_malformed")]
    public async Task Post_of_a_wrong_message_is_refused_and_stores_nothing(string body, int status, string code)
    {
        Session session = await OpenAsync();

        (await _server.PostTextAsync("messages", body, session.Token)).AssertProblem(status, code);
        Assert.That(await Seed.MessageCountAsync(session.ConversationId), Is.Zero);
    }

    [Test]
    public async Task Post_takes_16000_characters_of_any_script_and_no_more()
    {
        Session session = await OpenAsync();
        string longest = string.Concat(Enumerable.Repeat("𝒳", 11_000));

        Reply latin = await _server.PostAsync("messages", new { content = new string('x', 16_000) }, session.Token);
        Reply astral = await _server.PostAsync("messages", new { content = longest }, session.Token);
        Reply tooLong = await _server.PostAsync("messages", new { content = new string('x', 16_001) }, session.Token);

        Assert.That(latin.Status, Is.EqualTo(201), latin.Text);
        Assert.That(astral.Status, Is.EqualTo(201), astral.Text);
        Assert.That(astral.Json["content"]!.GetValue<string>(), Is.EqualTo(longest));
        tooLong.AssertProblem(422, "campfire_invalid", "16,000");
        Assert.That(await Seed.MessageCountAsync(session.ConversationId), Is.EqualTo(2));
    }

    [Test]
    public async Task Post_to_an_archived_conversation_says_so()
    {
        Session session = await OpenAsync();
        await Seed.ScalarAsync<Guid>("update public.conversations set status = 'archived' where id = $1 returning id", session.ConversationId);

        (await _server.PostAsync("messages", new { content = "hello?" }, session.Token)).AssertProblem(422, "campfire_invalid", "archived");
    }

    [Test]
    public async Task Get_pages_backwards_through_the_whole_history()
    {
        Session session = await OpenAsync();
        await SendAsync(session, 7);

        var seen = new List<string>();
        JsonNode page;
        string path = "messages?limit=3";
        do
        {
            page = (await _server.GetAsync(path, session.Token)).Json;
            seen.AddRange(page["messages"]!.AsArray().Select(message => message!["content"]!.GetValue<string>()));
            path = $"messages?limit=3&before={page["cursor"]}";
        }
        while (page["hasMore"]!.GetValue<bool>());

        Assert.That(seen, Is.EqualTo(new[] { "m6", "m5", "m4", "m3", "m2", "m1", "m0" }));
    }

    [Test]
    public async Task Get_after_a_sequence_pages_forwards_and_passes_over_other_events()
    {
        Session session = await OpenAsync();
        await SendAsync(session, 2);
        await Seed.ScalarAsync<Guid>("update public.conversations set priority = 'high' where id = $1 returning id", session.ConversationId);
        await SendAsync(session, 2);

        var seen = new List<string>();
        JsonNode page;
        long cursor = 0;
        do
        {
            page = (await _server.GetAsync($"messages?limit=1&after={cursor}", session.Token)).Json;
            Assert.That(page["cursor"]!.GetValue<long>(), Is.EqualTo(cursor + 1), "Every page moves on.");
            cursor = page["cursor"]!.GetValue<long>();
            seen.AddRange(page["messages"]!.AsArray().Select(message => message!["content"]!.GetValue<string>()));
        }
        while (page["hasMore"]!.GetValue<bool>());

        Assert.That(seen, Is.EqualTo(new[] { "m0", "m1", "m0", "m1" }));
        Assert.That(cursor, Is.EqualTo(6));
        JsonNode quiet = (await _server.GetAsync($"messages?after={cursor}", session.Token)).Json;
        Assert.That(quiet["messages"]!.AsArray(), Is.Empty);
        Assert.That(quiet["cursor"]!.GetValue<long>(), Is.EqualTo(6));
    }

    [Test]
    public async Task Get_returns_metadata_that_was_nested_deeply_before_there_was_a_limit()
    {
        Session session = await OpenAsync();
        string metadata = string.Concat(Enumerable.Repeat("{\"a\":", 1000)) + "1" + new string('}', 1000);
        await Seed.ScalarAsync<Guid>(
            $"""
            begin;
            insert into public.messages (conversation_id, content, sender_type) values ('{session.ConversationId}', 'deep', 'system');
            alter table public.messages disable trigger user;
            update public.messages set metadata = '{metadata}' where conversation_id = '{session.ConversationId}' returning id;
            alter table public.messages enable trigger user;
            commit;
            """);

        Assert.That((await _server.GetAsync("messages", session.Token)).Text, Does.Contain(metadata));
        Assert.That((await _server.GetAsync("messages?after=0", session.Token)).Text, Does.Contain(metadata));
    }

    [TestCase("limit=0", 422, "campfire_invalid")]
    [TestCase("limit=201", 422, "campfire_invalid")]
    [TestCase("limit=99999999999999999999", 400, "campfire_malformed")]
    [TestCase("limit=ten", 400, "campfire_malformed")]
    [TestCase("before=-1", 400, "campfire_malformed")]
    [TestCase("before=1&before=2", 400, "campfire_malformed")]
    [TestCase("before=", 400, "campfire_malformed")]
    [TestCase("before=3&after=1", 400, "campfire_malformed")]
    public async Task Get_with_a_wrong_parameter_is_refused(string query, int status, string code)
    {
        Session session = await OpenAsync();

        (await _server.GetAsync("messages?" + query, session.Token)).AssertProblem(status, code);
    }

    private async Task<Session> OpenAsync() => await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());

    private async Task SendAsync(Session session, int count)
    {
        for (int i = 0; i < count; i++)
            Assert.That((await _server.PostAsync("messages", new { content = $"m{i}" }, session.Token)).Status, Is.EqualTo(201));
    }
}
