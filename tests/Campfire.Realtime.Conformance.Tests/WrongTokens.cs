namespace Campfire.Realtime.Conformance.Tests;

// Tokens that are not to be accepted, and how a server says so. They are made when a test runs, as they need the target's secret.
internal static class WrongTokens
{
    private const string Malformed = "The token provided is not a valid JWT";
    private const string Claimless = "Fields `role` and `exp` are required in JWT";
    private const string Unsigned = "Failed to validate JWT signature";
    private const string Unknown = "Failed to generate JWT signer, check your JWT secret or JWKS configuration";
    private const string UnknownKey = "Failed to generate JWT signer for key ID (kid) \"k1\", check your JWT secret or JWKS configuration";

    private static long Future => DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds();

    public static IEnumerable<TestCaseData> AtTheUpgrade() =>
        Cases(Malformed, Unsigned, "Token has expired", "Token has expired", Claimless, Unknown, UnknownKey);

    public static IEnumerable<TestCaseData> AtTheJoin() => Cases(
        $"MalformedJWT: {Malformed}",
        $"JwtSignatureError: {Unsigned}",
        "InvalidJWTToken: Token has expired <n> seconds ago",
        "InvalidJWTToken: Token expiration time is invalid",
        $"InvalidJWTToken: {Claimless}",
        $"JwtSignerError: {Unknown}",
        $"JwtSignerError: {UnknownKey}");

    private static IEnumerable<TestCaseData> Cases(
        string malformed, string unsigned, string expired, string endless, string claimless, string unknownAlgorithm, string unknownKey)
    {
        yield return Case("malformed", () => "garbage", malformed);
        yield return Case("two parts", () => Target.TokenFor("u").Split('.')[0] + ".e30", malformed);
        yield return Case("no JSON", () => "YQ.YQ.YQ", malformed);
        yield return Case("wrong signature", () => Target.Sign(new() { ["role"] = "anon", ["exp"] = Future }, "another secret"), unsigned);
        yield return Case("no signature", () => Target.TokenFor("u")[..^43], unsigned);
        yield return Case("expired", () => Target.TokenFor("u", TimeSpan.FromMinutes(-1)), expired);
        yield return Case("exp is a text", () => Target.Sign(new() { ["role"] = "anon", ["exp"] = "tomorrow" }), endless);
        yield return Case("no role", () => Target.Sign(new() { ["exp"] = Future }), claimless);
        yield return Case("no exp", () => Target.Sign(new() { ["role"] = "anon" }), claimless);
        yield return Case("alg none", () => Target.Sign(new() { ["role"] = "anon", ["exp"] = Future }, header: """{"alg":"none","typ":"JWT"}"""), unknownAlgorithm);
        yield return Case(
            "unknown key", () => Target.Sign(new() { ["role"] = "anon", ["exp"] = Future }, header: """{"alg":"RS256","typ":"JWT","kid":"k1"}"""), unknownKey);
    }

    private static TestCaseData Case(string name, Func<string> token, string text) => new TestCaseData(token, text).SetArgDisplayNames(name);
}
