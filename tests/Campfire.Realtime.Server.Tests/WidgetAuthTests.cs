using System.Text.Json.Nodes;
using Campfire.Realtime.Server.Tests.Support;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class WidgetAuthTests
{
    private WidgetServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await WidgetServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Auth_with_a_key_opens_a_conversation_of_the_keys_organization()
    {
        Guid organizationId = await Seed.OrganizationAsync();
        string widgetKey = await Seed.WidgetKeyAsync(organizationId);

        Reply reply = await _server.PostAsync("auth", new { widgetKey, name = "Zoë", email = "zoe@example.org", unknown = new { field = 1 } });

        Assert.That(reply.Status, Is.EqualTo(200), reply.Text);
        Session session = Session.Of(reply.Json);
        Assert.That(session.OrganizationId, Is.EqualTo(organizationId));
        Assert.That(reply.Json["channels"]!["conversation"]!.GetValue<string>(), Is.EqualTo($"org:{organizationId}:conv:{session.ConversationId}"));
        Assert.That(reply.Json["channels"]!["typing"]!.GetValue<string>(), Is.EqualTo($"org:{organizationId}:conv:{session.ConversationId}:typing"));
        Assert.That(reply.Json["supabaseUrl"]!.GetValue<string>(), Is.EqualTo(ServerTestsSetUp.Emulator.Url.ToString().TrimEnd('/')));
        Assert.That(reply.Json["apiKey"]!.GetValue<string>(), Is.EqualTo(ServerTestsSetUp.Emulator.AnonKey));
        Assert.That(
            reply.Json["expiresAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(DateTimeOffset.UtcNow.AddMinutes(15)).Within(TimeSpan.FromSeconds(30)));
        Assert.That(reply.Headers.CacheControl!.NoStore, Is.True);
        Assert.That(
            await Seed.ScalarAsync<string>(
                "select customer_name || ' ' || customer_email || ' ' || host(customer_ip) from public.conversations where id = $1 and visitor_id = $2",
                session.ConversationId, session.VisitorId),
            Is.EqualTo("Zoë zoe@example.org 127.0.0.1"));
    }

    [Test]
    public async Task Auth_with_the_own_token_resumes_the_conversation()
    {
        string widgetKey = await Seed.WidgetKeyAsync();
        Session first = await _server.OpenSessionAsync(widgetKey);

        Reply bare = await _server.PostAsync("auth", new { widgetKey }, first.Token);
        Reply withIds = await _server.PostAsync("auth", new { widgetKey, visitorId = first.VisitorId, conversationId = first.ConversationId }, first.Token);

        Assert.That(Session.Of(bare.Json) with { Token = first.Token }, Is.EqualTo(first));
        Assert.That(Session.Of(withIds.Json) with { Token = first.Token }, Is.EqualTo(first));
    }

    [Test]
    public async Task Auth_with_a_token_that_expired_within_a_day_resumes_the_conversation()
    {
        string widgetKey = await Seed.WidgetKeyAsync();
        Session first = await _server.OpenSessionAsync(widgetKey);
        string expired = HandMadeToken.Sign(
            HandMadeToken.ClaimsOf(first, DateTimeOffset.UtcNow.AddHours(-23)), ServerTestsSetUp.Emulator.JwtSecret);

        Reply reply = await _server.PostAsync("auth", new { widgetKey, conversationId = first.ConversationId }, expired);

        Assert.That(Session.Of(reply.Json) with { Token = first.Token }, Is.EqualTo(first));
    }

    [Test]
    public async Task Auth_with_a_token_that_expired_days_ago_starts_anew()
    {
        string widgetKey = await Seed.WidgetKeyAsync();
        Session first = await _server.OpenSessionAsync(widgetKey);
        string expired = HandMadeToken.Sign(
            HandMadeToken.ClaimsOf(first, DateTimeOffset.UtcNow.AddHours(-25)), ServerTestsSetUp.Emulator.JwtSecret);

        Session second = Session.Of((await _server.PostAsync("auth", new { widgetKey, visitorId = first.VisitorId }, expired)).Json);

        Assert.That(second.VisitorId, Is.Not.EqualTo(first.VisitorId));
        Assert.That(second.ConversationId, Is.Not.EqualTo(first.ConversationId));
    }

    [Test]
    public async Task Auth_with_a_mere_visitor_id_does_not_open_the_visitors_conversation()
    {
        string widgetKey = await Seed.WidgetKeyAsync();
        Session victim = await _server.OpenSessionAsync(widgetKey);

        Session thief = Session.Of((await _server.PostAsync("auth", new { widgetKey, visitorId = victim.VisitorId })).Json);

        Assert.That(thief.VisitorId, Is.Not.EqualTo(victim.VisitorId));
        Assert.That(thief.ConversationId, Is.Not.EqualTo(victim.ConversationId));
    }

    [Test]
    public async Task Auth_with_another_visitors_token_is_not_believed_to_be_the_named_visitor()
    {
        string widgetKey = await Seed.WidgetKeyAsync();
        Session victim = await _server.OpenSessionAsync(widgetKey);
        Session thief = await _server.OpenSessionAsync(widgetKey);

        Session third = Session.Of((await _server.PostAsync("auth", new { widgetKey, visitorId = victim.VisitorId }, thief.Token)).Json);

        Assert.That(third.VisitorId, Is.Not.EqualTo(victim.VisitorId).And.Not.EqualTo(thief.VisitorId));
        Assert.That(third.ConversationId, Is.Not.EqualTo(victim.ConversationId).And.Not.EqualTo(thief.ConversationId));
    }

    [Test]
    public async Task Auth_for_a_foreign_conversation_answers_as_for_one_that_does_not_exist()
    {
        string widgetKey = await Seed.WidgetKeyAsync();
        Session victim = await _server.OpenSessionAsync(widgetKey);
        Session thief = await _server.OpenSessionAsync(widgetKey);

        Reply withoutProof = await _server.PostAsync("auth", new { widgetKey, visitorId = victim.VisitorId, conversationId = victim.ConversationId });
        Reply withOwnProof = await _server.PostAsync("auth", new { widgetKey, conversationId = victim.ConversationId }, thief.Token);
        Reply unknown = await _server.PostAsync("auth", new { widgetKey, conversationId = Guid.NewGuid() }, thief.Token);

        withoutProof.AssertProblem(404, "campfire_not_found");
        Assert.That(withOwnProof.Text, Is.EqualTo(withoutProof.Text));
        Assert.That(unknown.Text, Is.EqualTo(withoutProof.Text));
    }

    [Test]
    public async Task Auth_with_a_token_of_another_organization_starts_anew()
    {
        Session elsewhere = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());
        string widgetKey = await Seed.WidgetKeyAsync();

        Session here = Session.Of((await _server.PostAsync("auth", new { widgetKey }, elsewhere.Token)).Json);

        Assert.That(here.VisitorId, Is.Not.EqualTo(elsewhere.VisitorId));
    }

    [Test]
    public async Task Auth_after_the_conversation_was_closed_opens_a_new_one_for_the_same_visitor()
    {
        string widgetKey = await Seed.WidgetKeyAsync();
        Session first = await _server.OpenSessionAsync(widgetKey);
        await Seed.ScalarAsync<Guid>("update public.conversations set status = 'closed' where id = $1 returning id", first.ConversationId);

        Session second = Session.Of((await _server.PostAsync("auth", new { widgetKey }, first.Token)).Json);

        Assert.That(second.VisitorId, Is.EqualTo(first.VisitorId));
        Assert.That(second.ConversationId, Is.Not.EqualTo(first.ConversationId));
    }

    [Test]
    public async Task Auth_twice_in_parallel_with_one_token_ends_in_one_conversation()
    {
        Guid organizationId = await Seed.OrganizationAsync();
        string widgetKey = await Seed.WidgetKeyAsync(organizationId);
        Session first = await _server.OpenSessionAsync(widgetKey);
        await Seed.ScalarAsync<Guid>("update public.conversations set status = 'closed' where id = $1 returning id", first.ConversationId);

        Reply[] replies = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _server.PostAsync("auth", new { widgetKey }, first.Token)));

        Assert.That(replies.Select(reply => reply.Status), Is.All.EqualTo(200));
        Assert.That(replies.Select(reply => Session.Of(reply.Json).ConversationId).Distinct().Count(), Is.EqualTo(1));
        Assert.That(await Seed.ConversationCountAsync(organizationId), Is.EqualTo(2));
    }

    [Test]
    public async Task Auth_twice_in_parallel_without_a_token_makes_two_visitors()
    {
        string widgetKey = await Seed.WidgetKeyAsync();

        Reply[] replies = await Task.WhenAll(_server.PostAsync("auth", new { widgetKey }), _server.PostAsync("auth", new { widgetKey }));

        Assert.That(Session.Of(replies[0].Json).VisitorId, Is.Not.EqualTo(Session.Of(replies[1].Json).VisitorId));
        Assert.That(Session.Of(replies[0].Json).ConversationId, Is.Not.EqualTo(Session.Of(replies[1].Json).ConversationId));
    }

    [Test]
    public async Task Auth_with_a_key_that_opens_nothing_is_refused_and_stores_nothing()
    {
        Guid organizationId = await Seed.OrganizationAsync();
        string disabled = await Seed.WidgetKeyAsync(organizationId, isEnabled: false);
        string enabled = await Seed.WidgetKeyAsync(organizationId);

        (await _server.PostAsync("auth", new { widgetKey = "wk_unknown_key" })).AssertProblem(403, "campfire_widget_refused", "unknown");
        (await _server.PostAsync("auth", new { widgetKey = disabled })).AssertProblem(403, "campfire_widget_refused", "disabled");
        (await _server.PostAsync("auth", new { organizationId })).AssertProblem(403, "campfire_widget_refused", "widgetKey");
        (await _server.PostAsync("auth", new { widgetKey = enabled, organizationId = Guid.NewGuid() }))
            .AssertProblem(403, "campfire_widget_refused", "another organization");
        Assert.That(await Seed.ConversationCountAsync(organizationId), Is.Zero);
    }

    [TestCase("https://shop.example", null, 200)]
    [TestCase("https://shop.example", "https://shop.example", 200)]
    [TestCase("https://shop.example", "https://SHOP.example:443", 200)]
    [TestCase("https://shop.example", "https://evil.example", 403)]
    [TestCase("https://shop.example", "http://shop.example", 403)]
    [TestCase("https://shop.example", "null", 403)]
    [TestCase(null, "https://shop.example", 403)]
    [TestCase(null, null, 200)]
    [TestCase("*", "https://anything.example", 200)]
    public async Task Auth_from_a_browser_needs_an_allowed_origin(string? allowed, string? origin, int status)
    {
        string widgetKey = await Seed.WidgetKeyAsync(await Seed.OrganizationAsync(), allowed is null ? [] : [allowed]);

        Reply reply = await _server.PostAsync("auth", new { widgetKey }, origin: origin);

        Assert.That(reply.Status, Is.EqualTo(status), reply.Text);
        if (status == 403)
            reply.AssertProblem(403, "campfire_widget_refused", "allowed_origins");
    }

    [TestCase("{}", 400, "campfire_malformed", "widgetKey and organizationId")]
    [TestCase("""{"widgetKey":"wk_12345678","visitorId":"not a uuid"}""", 400, "campfire_malformed", "visitorId")]
    [TestCase("""{"widgetKey":12345678}""", 400, "campfire_malformed", "widgetKey")]
    [TestCase("""{"widgetKey":"wk_12345678","name":{"first":"Ada"}}""", 400, "campfire_malformed", "name")]
    [TestCase("""{"organizationId":"00000000-0000-0000-0000-000000000000"}""", 422, "campfire_invalid", "organizationId")]
    public async Task Auth_with_a_wrong_field_names_it(string body, int status, string code, string detail) =>
        (await _server.PostTextAsync("auth", body)).AssertProblem(status, code, detail);

    [TestCase("widgetKey", 201)]
    [TestCase("name", 201)]
    [TestCase("email", 321)]
    public async Task Auth_with_a_field_that_is_too_long_names_it(string field, int length)
    {
        var body = new JsonObject { ["widgetKey"] = await Seed.WidgetKeyAsync() };
        body[field] = new string('x', length);

        (await _server.PostTextAsync("auth", body.ToJsonString())).AssertProblem(422, "campfire_invalid", field);
    }

    [TestCase("\\u0000")]
    [TestCase("\\ud800")]
    public async Task Auth_with_text_that_no_database_can_store_is_refused(string text)
    {
        string widgetKey = await Seed.WidgetKeyAsync();

        Reply reply = await _server.PostTextAsync("auth", $$"""{"widgetKey":"{{widgetKey}}","name":"a{{text}}b"}""");

        reply.AssertProblem(422, "campfire_invalid", "cannot be stored");
    }
}
