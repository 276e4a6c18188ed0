namespace Campfire.Realtime.Migrations.Tests.Matrix;

// Claims that must make their bearer nobody, each under the name that a failing cell prints.
internal static class ForgedClaims
{
    // No token can carry these, because its payload is an object; whoever sets them reaches the database itself.
    public static IReadOnlyDictionary<string, string> NoObject { get; } = new Dictionary<string, string>
    {
        ["no claims"] = "",
        ["claims that are no JSON"] = "not json",
        ["claims null"] = "null",
        ["claims as an array"] = "[]",
        ["claims as a text"] = "\"text\"",
        ["claims as a number"] = "42",
        ["claims 20,000 levels deep"] = new string('[', 20_000),
        ["claims that say service_role"] = """{"role":"service_role"}""",
    };

    public static IReadOnlyDictionary<string, string> BrokenSubject { get; } = new Dictionary<string, string>
    {
        ["claims empty"] = "{}",
        ["sub null"] = """{"sub":null}""",
        ["sub a number"] = """{"sub":7}""",
        ["sub an array"] = """{"sub":["{agent}"]}""",
        ["sub an object"] = """{"sub":{"id":"{agent}"}}""",
        ["sub text"] = """{"sub":"agent"}""",
        ["sub SQL"] = """{"sub":"{agent}' or '1'='1"}""",
        ["sub drops a table"] = """{"sub":"'; drop table public.messages; --"}""",
        ["sub with a line break"] = """{"sub":"{agent}\n"}""",
        ["sub with a space"] = """{"sub":" {agent}"}""",
        ["sub NUL"] = """{"sub":"\u0000"}""",
        ["sub in braces"] = """{"sub":"{{agent}}"}""",
        ["sub as a URN"] = """{"sub":"urn:uuid:{agent}"}""",
        ["sub of 8,000 characters"] = $$"""{"sub":"{{new string('a', 8_000)}}"}""",
        ["a visitor without sub"] = """{"campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        ["a visitor with sub SQL"] = """{"sub":"{visitor}' or '1'='1","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
    };

    // Under the role anon only: a sub that is a UUID is a signed-in user under authenticated.
    public static IReadOnlyDictionary<string, string> BrokenVisitor { get; } = new Dictionary<string, string>
    {
        ["sub alone"] = """{"sub":"{visitor}"}""",
        ["an agent's sub"] = """{"sub":"{agent}"}""",
        ["campfire null"] = """{"sub":"{visitor}","campfire":null}""",
        ["campfire text"] = """{"sub":"{visitor}","campfire":"visitor"}""",
        ["campfire an array"] = """{"sub":"{visitor}","campfire":[{"kind":"visitor","org":"{org}","conv":"{conv}"}]}""",
        ["campfire a number"] = """{"sub":"{visitor}","campfire":1}""",
        ["campfire under app_metadata"] = """{"sub":"{visitor}","app_metadata":{"campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}}""",
        ["no org and no conv"] = """{"sub":"{visitor}","campfire":{"kind":"visitor"}}""",
        ["no conv"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}"}}""",
        ["no org"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","conv":"{conv}"}}""",
        ["org null"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":null,"conv":"{conv}"}}""",
        ["org a number"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":1,"conv":"{conv}"}}""",
        ["org text"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"mine","conv":"{conv}"}}""",
        ["org in braces"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{{org}}","conv":"{conv}"}}""",
        ["org SQL"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}' or '1'='1","conv":"{conv}"}}""",
        ["conv null"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":null}}""",
        ["conv an array"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":["{conv}"]}}""",
        ["conv an object"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":{"id":"{conv}"}}}""",
        ["conv in braces"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":"{{conv}}"}}""",
        ["conv SQL"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}'; drop table public.messages; --"}}""",
        ["conv 40 levels deep"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":"""
            + new string('[', 40) + new string(']', 40) + "}}",
        ["another organization's org"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{foreignOrg}","conv":"{conv}"}}""",
        ["another organization's conv"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":"{foreignConv}"}}""",
        ["another organization's org and conv"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{foreignOrg}","conv":"{foreignConv}"}}""",
        ["another visitor's conv"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":"{siblingConv}"}}""",
        ["another visitor's sub"] = """{"sub":"{siblingVisitor}","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        ["sub of nobody"] = """{"sub":"{nobody}","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        ["an agent's sub as visitor"] = """{"sub":"{agent}","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        ["kind agent"] = """{"sub":"{visitor}","campfire":{"kind":"agent","org":"{org}","conv":"{conv}"}}""",
        ["kind agent with an agent's sub"] = """{"sub":"{agent}","campfire":{"kind":"agent","org":"{org}","conv":"{conv}"}}""",
        ["kind server"] = """{"sub":"{visitor}","campfire":{"kind":"server","org":"{org}","conv":"{conv}"}}""",
        ["kind in another case"] = """{"sub":"{visitor}","campfire":{"kind":"Visitor","org":"{org}","conv":"{conv}"}}""",
        ["kind null"] = """{"sub":"{visitor}","campfire":{"kind":null,"org":"{org}","conv":"{conv}"}}""",
        ["kind an array"] = """{"sub":"{visitor}","campfire":{"kind":["visitor"],"org":"{org}","conv":"{conv}"}}""",
        ["no kind"] = """{"sub":"{visitor}","campfire":{"org":"{org}","conv":"{conv}"}}""",
    };

    // Under the role authenticated: somebody, but nobody's member, whatever else the token says.
    public static IReadOnlyDictionary<string, string> Stranger { get; } = new Dictionary<string, string>
    {
        ["a user without membership"] = """{"sub":"{nobody}"}""",
        ["a user with a visitor's claims"] = """{"sub":"{nobody}","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        ["a visitor's token under authenticated"] = """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        ["a user with kind agent"] = """{"sub":"{nobody}","campfire":{"kind":"agent","org":"{org}","conv":"{conv}"}}""",
        ["a user with an owner's app_metadata"] = """{"sub":"{nobody}","app_metadata":{"role":"owner","org":"{org}","is_admin":true}}""",
        ["a user with another's sub in user_metadata"] = """{"sub":"{nobody}","user_metadata":{"sub":"{agent}"}}""",
    };

    public static string Fill(string template, Scene scene) => scene.This.Fill(template
        .Replace("{siblingConv}", $"{scene.Sibling.ConversationId}", StringComparison.Ordinal)
        .Replace("{siblingVisitor}", $"{scene.Sibling.VisitorId}", StringComparison.Ordinal)
        .Replace("{foreignOrg}", $"{scene.Foreign.OrganizationId}", StringComparison.Ordinal)
        .Replace("{foreignConv}", $"{scene.Foreign.ConversationId}", StringComparison.Ordinal)
        .Replace("{nobody}", $"{Guid.NewGuid()}", StringComparison.Ordinal));
}
