using System.Reflection;
using Campfire.Realtime.Migrations.Tests.Support;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Migrations.Tests.Matrix;

// Every topic of the naming standard × actor: the policies asked as Realtime asks them, and sockets that try.
public sealed class TopicMatrixTests
{
    [Test]
    public async Task Every_cell_of_the_topics_is_as_the_matrix_says()
    {
        Scene scene = await Scene.CreateAsync();
        IReadOnlyList<Actor> actors = Actor.In(scene);
        List<ChannelName> names = [.. Enum.GetValues<ChannelKind>().Select(kind => NameOf(kind, scene.This))];
        IReadOnlyDictionary<Identity, string[]> tried = await TopicSockets.TryAsync(
            [.. actors.SelectMany(actor => actor.Identities).Where(identity => identity.Token is not null)],
            [.. names.Select(name => name.Topic)]);
        bool isRefused = await TopicSockets.IsRefusedWithoutKeyAsync();

        MatrixTable table = new(["topic"]);
        for (int row = 0; row < names.Count; row++)
        {
            List<string> cells = [];
            foreach (Actor actor in actors)
            {
                List<Sight> sights = [];
                if (actor.Name == Actor.WithoutToken)
                    sights.Add(new("socket", isRefused ? "---" : "connected"));
                foreach (Identity identity in actor.Identities)
                {
                    sights.Add(new($"SQL {identity.Name}", await RealtimeProbe.RunAsync(identity.Caller, names[row].Topic)));
                    if (tried.TryGetValue(identity, out string[]? rights))
                        sights.Add(new($"socket {identity.Name}", rights[row]));
                }

                cells.Add(MatrixTable.Agree(sights));
            }

            table.Add([TemplateOf(names[row], scene.This)], cells);
        }

        MatrixComparison comparison = SecurityMatrix.Compare("Topics", table);
        Assert.That(comparison.Differences, Is.Empty, comparison.Description);
    }

    // The factory of a kind has its name and takes ids by the name of what they identify.
    private static ChannelName NameOf(ChannelKind kind, Part part)
    {
        if (typeof(ChannelName).GetProperty(kind.ToString(), typeof(ChannelName)) is { } property)
            return (ChannelName)property.GetValue(null)!;
        MethodInfo factory = typeof(ChannelName).GetMethod(kind.ToString(), BindingFlags.Public | BindingFlags.Static)!;
        object[] ids = [.. factory.GetParameters().Select(parameter => (object)(parameter.Name switch
        {
            "organizationId" => part.OrganizationId,
            "conversationId" => part.ConversationId,
            "userId" => part.AgentId,
            "visitorId" => part.VisitorId,
            _ => throw new NotSupportedException($"The matrix does not know what {parameter.Name} of {kind} identifies."),
        }))];
        return (ChannelName)factory.Invoke(null, ids)!;
    }

    private static string TemplateOf(ChannelName name, Part part) => "`" + name.Value
        .Replace($"{part.OrganizationId}", "{org}", StringComparison.Ordinal)
        .Replace($"{part.ConversationId}", "{conv}", StringComparison.Ordinal)
        .Replace($"{part.AgentId}", "{agent}", StringComparison.Ordinal)
        .Replace($"{part.VisitorId}", "{visitor}", StringComparison.Ordinal) + "`";
}
