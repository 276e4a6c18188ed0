using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.Server.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.Tokens;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class VisitorTokenTests
{
    private WidgetServer _server = null!;
    private Session _session = null!;

    private static string Secret => ServerTestsSetUp.Emulator.JwtSecret;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await WidgetServer.StartAsync();
        _session = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public void An_issued_token_is_an_anonymous_visitors_and_lives_15_minutes()
    {
        var issuer = _server.Services.GetRequiredService<WidgetTokenIssuer>();

        WidgetToken token = issuer.Issue(_session.OrganizationId, _session.ConversationId, _session.VisitorId);

        string[] parts = token.AccessToken.Split('.');
        Assert.That(parts[2], Is.EqualTo(Base64UrlEncoder.Encode(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.UTF8.GetBytes($"{parts[0]}.{parts[1]}")))));
        Assert.That(JsonNode.Parse(Base64UrlEncoder.Decode(parts[0]))!["alg"]!.GetValue<string>(), Is.EqualTo("HS256"));
        JsonObject claims = JsonNode.Parse(Base64UrlEncoder.Decode(parts[1]))!.AsObject();
        Assert.That(claims.Select(claim => claim.Key), Is.EquivalentTo(new[] { "role", "sub", "campfire", "iat", "exp" }));
        Assert.That(claims["role"]!.GetValue<string>(), Is.EqualTo("anon"));
        Assert.That(claims["sub"]!.GetValue<Guid>(), Is.EqualTo(_session.VisitorId));
        Assert.That(
            claims["campfire"]!.ToJsonString(),
            Is.EqualTo($$"""{"kind":"visitor","org":"{{_session.OrganizationId}}","conv":"{{_session.ConversationId}}"}"""));
        Assert.That(claims["exp"]!.GetValue<long>() - claims["iat"]!.GetValue<long>(), Is.EqualTo(900));
        Assert.That(token.ExpiresAt.ToUnixTimeSeconds(), Is.EqualTo(claims["exp"]!.GetValue<long>()));
    }

    [Test]
    public void A_token_for_the_nil_uuid_is_not_issued()
    {
        var issuer = _server.Services.GetRequiredService<WidgetTokenIssuer>();

        Assert.That(() => issuer.Issue(Guid.Empty, _session.ConversationId, _session.VisitorId), Throws.ArgumentException);
    }

    [Test]
    public async Task A_token_made_by_hand_with_the_right_claims_is_accepted() =>
        Assert.That((await CallAsync(HandMadeToken.Sign(HandMadeToken.ClaimsOf(_session), Secret))).Status, Is.EqualTo(200));

    [Test]
    public async Task A_missing_token_is_refused_at_every_endpoint_with_a_challenge()
    {
        Reply[] replies =
        [
            await _server.GetAsync("messages"),
            await _server.PostAsync("messages", new { content = "hello" }),
            await _server.PostAsync("typing", new { isTyping = true }),
            await _server.PostAsync("read", new { readThrough = 1 }),
        ];

        foreach (Reply reply in replies)
        {
            reply.AssertProblem(401, "campfire_invalid_token", "no visitor token");
            Assert.That(reply.Headers.WwwAuthenticate.Single().Scheme, Is.EqualTo("Bearer"));
        }
    }

    private static IEnumerable<TestCaseData> ForgedTokens()
    {
        yield return Forged("alg none", (claims, _) => $"{HandMadeToken.Encode("""{"alg":"none","typ":"JWT"}""")}.{HandMadeToken.Encode(claims.ToJsonString())}.");
        yield return Forged("alg none with a signature", (claims, secret) => HandMadeToken.Sign(claims, secret, """{"alg":"none","typ":"JWT"}"""));
        yield return Forged("alg HS512 in the header", (claims, secret) => HandMadeToken.Sign(claims, secret, """{"alg":"HS512","typ":"JWT"}"""));
        yield return Forged("a true HS512 token", (claims, secret) =>
        {
            string signed = $"{HandMadeToken.Encode("""{"alg":"HS512","typ":"JWT"}""")}.{HandMadeToken.Encode(claims.ToJsonString())}";
            return $"{signed}.{Base64UrlEncoder.Encode(HMACSHA512.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(signed)))}";
        });
        yield return Forged("alg ES256 in the header", (claims, secret) => HandMadeToken.Sign(claims, secret, """{"alg":"ES256","typ":"JWT"}"""));
        yield return Forged("another secret", (claims, _) => HandMadeToken.Sign(claims, "another-secret-of-at-least-32-characters"));
        yield return Forged("an empty secret", (claims, _) => HandMadeToken.Sign(claims, ""));
        yield return Forged("a changed payload", (claims, secret) =>
        {
            string[] parts = HandMadeToken.Sign(claims, secret).Split('.');
            claims["sub"] = Guid.NewGuid().ToString();
            return $"{parts[0]}.{HandMadeToken.Encode(claims.ToJsonString())}.{parts[2]}";
        });
        yield return Forged("no signature", (claims, secret) => string.Join('.', HandMadeToken.Sign(claims, secret).Split('.')[..2]) + ".");
        yield return Forged("an agent", With(claims => claims["role"] = "authenticated"));
        yield return Forged("the server", With(claims => claims["role"] = "service_role"));
        yield return Forged("no role", With(claims => claims.Remove("role")));
        yield return Forged("a list of roles", With(claims => claims["role"] = new JsonArray("anon")));
        yield return Forged("no visitor", With(claims => claims.Remove("sub")));
        yield return Forged("a visitor that is no uuid", With(claims => claims["sub"] = "'; drop table messages; --"));
        yield return Forged("the nil uuid", With(claims => claims["sub"] = Guid.Empty.ToString()));
        yield return Forged("no campfire claims", With(claims => claims.Remove("campfire")));
        yield return Forged("campfire claims null", With(claims => claims["campfire"] = null));
        yield return Forged("campfire claims as text", With(claims => claims["campfire"] = claims["campfire"]!.ToJsonString()));
        yield return Forged("another kind", With(claims => claims["campfire"]!["kind"] = "agent"));
        yield return Forged("a list of conversations", With(claims => claims["campfire"]!["conv"] = new JsonArray(Guid.NewGuid().ToString())));
        yield return Forged("no organization", With(claims => claims["campfire"]!.AsObject().Remove("org")));
        yield return Forged("no expiry", With(claims => claims.Remove("exp")));
        yield return Forged("an expiry as text", With(claims => claims["exp"] = "9999999999"));
        yield return Forged("an expiry beyond all numbers", With(claims => claims["exp"] = 1e300));
        yield return Forged("an expiry long ago", With(claims => claims["exp"] = long.MinValue));
        yield return Forged("an expired one", With(claims => claims["exp"] = DateTimeOffset.UtcNow.AddSeconds(-60).ToUnixTimeSeconds()));
        yield return Forged("no json", (_, secret) => HandMadeToken.Sign(JsonValue.Create("text"), secret));
        yield return Forged("dots", (_, _) => "..");
        yield return Forged("garbage", (_, _) => "garbage");
        yield return Forged("a long one", (_, _) => "eyJhbGciOiJIUzI1NiJ9." + new string('A', 20_000) + ".AAAA");

        static TestCaseData Forged(string name, Func<JsonObject, string, string> forge) => new TestCaseData(forge).SetArgDisplayNames(name);

        static Func<JsonObject, string, string> With(Action<JsonObject> change) => (claims, secret) =>
        {
            change(claims);
            return HandMadeToken.Sign(claims, secret);
        };
    }

    [TestCaseSource(nameof(ForgedTokens))]
    public async Task A_forged_token_is_refused_and_proves_nothing(Func<JsonObject, string, string> forge)
    {
        string token = forge(HandMadeToken.ClaimsOf(_session), Secret);
        string widgetKey = await Seed.WidgetKeyAsync(_session.OrganizationId);

        Reply read = await CallAsync(token);
        Reply sent = await _server.PostAsync("messages", new { content = "forged" }, token);

        read.AssertProblem(401, "campfire_invalid_token");
        sent.AssertProblem(401, "campfire_invalid_token");
        if (TestContext.CurrentContext.Test.Name.Contains("an expired one", StringComparison.Ordinal))
            return;

        Reply resumed = await _server.PostAsync("auth", new { widgetKey, conversationId = _session.ConversationId }, token);
        resumed.AssertProblem(404, "campfire_not_found");
    }

    [Test]
    public async Task A_token_is_accepted_30_seconds_beyond_its_expiry_and_no_longer()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(200, """{"messages":[],"has_more":false}"""));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use, time: time);
        WidgetToken token = server.Services.GetRequiredService<WidgetTokenIssuer>().Issue(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());

        time.Advance(TimeSpan.FromMinutes(15) + TimeSpan.FromSeconds(28));
        Reply within = await server.GetAsync("messages", token.AccessToken);
        time.Advance(TimeSpan.FromSeconds(3));
        Reply beyond = await server.GetAsync("messages", token.AccessToken);

        Assert.That(within.Status, Is.EqualTo((int)HttpStatusCode.OK), within.Text);
        beyond.AssertProblem(401, "campfire_invalid_token", "expired");
    }

    private Task<Reply> CallAsync(string token) => _server.GetAsync("messages", token);
}
