using System.Text.Json.Nodes;
using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests.Matrix;

// One way to be an actor: what the database is told and, if a token can say it, the token.
internal sealed record Identity(string Name, Caller Caller, string? Token = null)
{
    // The key of the project that an application of this identity would have.
    public string ApiKey => Caller == Caller.Service ? AssemblySetup.Emulator.ServiceKey : AssemblySetup.Emulator.AnonKey;
}

// A column of the matrix. Whoever can come in several ways has the same rights in each.
internal sealed record Actor(string Name, IReadOnlyList<Identity> Identities)
{
    public const string WithoutToken = "no token";

    public static IReadOnlyList<string> Names { get; } =
    [
        WithoutToken, "anon key", "visitor", "sibling visitor", "foreign visitor", "viewer", "agent", "foreign agent",
        "service role", "forged visitor", "forged user", "stranger",
    ];

    // In the order of the columns.
    public static IReadOnlyList<Actor> In(Scene scene)
    {
        IReadOnlyList<Identity>[] identities =
        [
            [new("no token", new Caller("anon", ""))],
            [new("anon key", Caller.Anonymous, AssemblySetup.Emulator.AnonKey)],
            InEitherCase("visitor", "anon", Visitor(scene.This)),
            InEitherCase("visitor", "anon", Visitor(scene.Sibling)),
            InEitherCase("visitor", "anon", Visitor(scene.Foreign)),
            InEitherCase("viewer", "authenticated", User(scene.ViewerId)),
            InEitherCase("agent", "authenticated", User(scene.This.AgentId)),
            InEitherCase("agent", "authenticated", User(scene.Foreign.AgentId)),
            [new("service role", Caller.Service, AssemblySetup.Emulator.ServiceKey)],
            [
                .. Unsigned("anon"), .. Signed("anon", ForgedClaims.BrokenSubject, scene),
                .. Signed("anon", ForgedClaims.BrokenVisitor, scene),
            ],
            [.. Unsigned("authenticated"), .. Signed("authenticated", ForgedClaims.BrokenSubject, scene)],
            [.. Signed("authenticated", ForgedClaims.Stranger, scene)],
        ];
        return [.. Names.Zip(identities, (name, ways) => new Actor(name, ways))];
    }

    private static JsonObject Visitor(Part part) => new()
    {
        ["sub"] = $"{part.VisitorId}",
        ["campfire"] = new JsonObject { ["kind"] = "visitor", ["org"] = $"{part.OrganizationId}", ["conv"] = $"{part.ConversationId}" },
    };

    private static JsonObject User(Guid id) => new() { ["sub"] = $"{id}" };

    // A UUID in upper case is the same UUID; in a topic, where one channel must have one name, it is not.
    private static Identity[] InEitherCase(string name, string role, JsonObject claims) =>
        [Sign(name, role, claims), Sign($"{name} in upper case", role, UpperIds(claims))];

    private static JsonObject UpperIds(JsonObject claims) => new(claims.Select(pair => KeyValuePair.Create(pair.Key, pair.Value switch
    {
        JsonObject inner => UpperIds(inner),
        JsonNode value when Guid.TryParse((string?)value, out Guid id) => $"{id}".ToUpperInvariant(),
        JsonNode value => value.DeepClone(),
        null => null,
    })));

    private static IEnumerable<Identity> Unsigned(string role) =>
        ForgedClaims.NoObject.Select(claims => new Identity(claims.Key, new Caller(role, claims.Value)));

    private static IEnumerable<Identity> Signed(string role, IReadOnlyDictionary<string, string> forged, Scene scene) =>
        forged.Select(claims => Sign(claims.Key, role, JsonNode.Parse(ForgedClaims.Fill(claims.Value, scene))!.AsObject()));

    private static Identity Sign(string name, string role, JsonObject claims)
    {
        JsonObject token = claims.DeepClone().AsObject();
        token["role"] = role;
        token["exp"] = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds();
        return new(name, new Caller(role, token.ToJsonString()), AssemblySetup.Emulator.CreateToken(token));
    }
}
