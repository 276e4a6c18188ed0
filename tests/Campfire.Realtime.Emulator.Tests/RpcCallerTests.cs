using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class RpcCallerTests
{
    private static readonly HttpClient _http = new();

    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [OneTimeSetUp]
    public Task CreateFunctions() => RestAnswer.ExecuteAsync(Emulator.ConnectionString, """
        create function public.who_am_i() returns text language sql stable as
            $$ select current_user || ' ' || coalesce(current_setting('request.jwt.claims')::jsonb ->> 'role', '?') $$;
        """);

    private static IEnumerable<TestCaseData> Callers()
    {
        yield return Case("publishable key", () => Emulator.PublishableKey, () => null, "anon anon");
        yield return Case("secret key", () => Emulator.SecretKey, () => null, "service_role service_role");
        yield return Case("anon key", () => Emulator.AnonKey, () => null, "anon anon");
        yield return Case("service key", () => Emulator.ServiceKey, () => null, "service_role service_role");
        yield return Case("publishable key twice", () => Emulator.PublishableKey, () => "Bearer " + Emulator.PublishableKey, "anon anon");
        yield return Case("secret key as token", () => Emulator.PublishableKey, () => "Bearer " + Emulator.SecretKey, "service_role service_role");
        yield return Case("agent", () => Emulator.PublishableKey, () => "Bearer " + Token("authenticated"), "authenticated authenticated");
        yield return Case("lower-case scheme", () => Emulator.PublishableKey, () => "bearer " + Token("authenticated"), "authenticated authenticated");
        yield return Case("token beside the secret key", () => Emulator.SecretKey, () => "Bearer " + Token("authenticated"), "authenticated authenticated");
        yield return Case("token without claims", () => Emulator.SecretKey, () => "Bearer " + Emulator.CreateToken([]), "anon anon");
        yield return Case("token without a role", () => Emulator.SecretKey, () => "Bearer " + Emulator.CreateToken(new() { ["sub"] = "x" }), "anon anon");
        yield return Case("another scheme", () => Emulator.SecretKey, () => "Basic YTpi", "anon anon");
        yield return Case("expired within the skew", () => Emulator.PublishableKey, () => "Bearer " + Token("authenticated", ("exp", Now() - 5)), "authenticated authenticated");

        static TestCaseData Case(string name, Func<string> key, Func<string?> authorization, string expected) =>
            new TestCaseData(key, authorization, expected).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Callers))]
    public async Task The_key_and_the_token_decide_the_role(Func<string> key, Func<string?> authorization, string expected)
    {
        var (status, body, _) = await CallAsync(key(), authorization());

        Assert.That((status, body?.ToJsonString()), Is.EqualTo((200, $"\"{expected}\"")));
    }

    private static IEnumerable<TestCaseData> WrongTokens()
    {
        yield return Case("empty", () => "", "PGRST301", "Empty JWT is sent in Authorization header");
        yield return Case("one part", () => "garbage", "PGRST301", "Expected 3 parts in JWT; got 1");
        yield return Case("two parts", () => "a.b", "PGRST301", "Expected 3 parts in JWT; got 2");
        yield return Case("three parts of nothing", () => "a.b.c", "PGRST301", "JWT cryptographic operation failed");
        yield return Case("unknown opaque key", () => "sb_secret_unknown", "PGRST301", "Expected 3 parts in JWT; got 1");
        yield return Case("wrong signature", () => Emulator.AnonKey[..^3] + "xyz", "PGRST301", "No suitable key or wrong key type");
        yield return Case("unsigned", () => Encode("""{"alg":"none"}""") + "." + Encode("{}") + ".", "PGRST301", "Wrong or unsupported encoding algorithm");
        yield return Case("expired", () => Token("authenticated", ("exp", Now() - 60)), "PGRST303", "JWT expired");
        yield return Case("not yet valid", () => Token("authenticated", ("nbf", Now() + 600)), "PGRST303", "JWT not yet valid");
        yield return Case("of the future", () => Token("authenticated", ("iat", Now() + 600)), "PGRST303", "JWT issued at future");
        yield return Case("exp is text", () => Token("authenticated", ("exp", "soon")), "PGRST303", "The JWT 'exp' claim must be a number");
        yield return Case("nbf is text", () => Token("authenticated", ("nbf", "soon")), "PGRST303", "The JWT 'nbf' claim must be a number");
        yield return Case("aud is a number", () => Token("authenticated", ("aud", 5)), "PGRST303", "The JWT 'aud' claim must be a string or an array of strings");
        yield return Case("unknown role", () => Token("nobody"), "22023", "role \"nobody\" does not exist");

        static TestCaseData Case(string name, Func<string> token, string code, string message) => new TestCaseData(token, code, message).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(WrongTokens))]
    public async Task A_wrong_token_is_401(Func<string> token, string code, string message)
    {
        var (status, body, challenge) = await CallAsync(Emulator.SecretKey, "Bearer " + token());

        Assert.That((status, (string?)body!["code"], (string?)body["message"]), Is.EqualTo((401, code, message)));
        Assert.That(challenge, Does.StartWith("Bearer"));
    }

    [Test]
    public async Task A_role_that_the_api_may_not_take_is_403()
    {
        var (status, body, _) = await CallAsync(Emulator.PublishableKey, "Bearer " + Token("supabase_admin"));

        Assert.That((status, (string?)body!["code"]), Is.EqualTo((403, "42501")));
    }

    [TestCase("", "No API key found in request")]
    [TestCase("sb_publishable_wrong", "Invalid API key")]
    [TestCase("eyJhbGciOiJIUzI1NiJ9.e30.x", "Invalid API key")]
    public async Task Without_a_key_of_the_project_the_gateway_answers_401(string key, string message)
    {
        var (status, body, _) = await CallAsync(key, "Bearer " + Token("authenticated"));

        Assert.That((status, (string?)body!["message"]), Is.EqualTo((401, message)));
    }

    [Test]
    public async Task The_key_may_be_in_the_query()
    {
        using var response = await _http.GetAsync(new Uri(Emulator.Url, $"/rest/v1/rpc/who_am_i?apikey={Emulator.SecretKey}"));

        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("\"service_role service_role\""));
    }

    private static long Now() => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    private static string Token(string role, params (string Name, JsonNode Value)[] claims)
    {
        var all = new JsonObject { ["role"] = role, ["exp"] = Now() + 600 };
        foreach (var (name, value) in claims)
            all[name] = value;
        return Emulator.CreateToken(all);
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static async Task<(int Status, JsonNode? Body, string Challenge)> CallAsync(string key, string? authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Emulator.Url, "/rest/v1/rpc/who_am_i"));
        if (key.Length > 0)
            request.Headers.Add("apikey", key);
        if (authorization is not null)
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var response = await _http.SendAsync(request);
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync()), response.Headers.WwwAuthenticate.ToString());
    }
}
