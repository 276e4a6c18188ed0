using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations.Tests.Support;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Migrations.Tests.Matrix;

// Tries the topics as clients do: one socket for each identity, which joins, broadcasts and tracks on all of them.
internal static class TopicSockets
{
    private sealed record Member(Identity Identity, string Key, PlainSocket Socket, Dictionary<string, string> JoinRefs);

    // For each identity the rights on each topic, like RealtimeProbe. Received is what the database sends and arrives,
    // broadcast what arrives at a listener of the service role, presence what the topic's state shows to one who comes later.
    public static async Task<IReadOnlyDictionary<Identity, string[]>> TryAsync(IReadOnlyList<Identity> identities, IReadOnlyList<string> topics)
    {
        List<Member> members = [];
        try
        {
            Member listener = await ConnectAsync(new("listener", Caller.Service, AssemblySetup.Emulator.ServiceKey), "listener", topics);
            members.Add(listener);
            foreach (string topic in topics)
                await listener.Socket.ReceiveAsync(frame => frame.Event == "system" && frame.Topic == Wire(topic));
            foreach (Identity identity in identities)
                members.Add(await ConnectAsync(identity, $"member {members.Count}", topics));

            foreach (Member member in members.Skip(1))
                await ActAsync(member, topics);
            foreach (string topic in topics)
                await listener.Socket.BarrierAsync(Wire(topic), listener.JoinRefs[topic]);
            HashSet<(string? Topic, string? From)> broadcast =
            [
                .. listener.Socket.Unread.Where(frame => frame.Event == "broadcast")
                    .Select(frame => (frame.Topic, (string?)frame.Payload!["payload"]!["from"])),
            ];

            Member late = await ConnectAsync(listener.Identity, "late", topics);
            members.Add(late);
            Dictionary<string, HashSet<string>> present = [];
            foreach (string topic in topics)
            {
                PlainFrame state = await late.Socket.ReceiveAsync(frame => frame.Event == "presence_state" && frame.Topic == Wire(topic));
                present.Add(topic, [.. state.Payload!.AsObject().Select(entry => entry.Key)]);
            }

            foreach (string topic in topics)
            {
                await Caller.Owner.ExecuteAsync("""select realtime.send('{"from":"database"}', 'matrix:probe', $1, true)""", topic);
                // Who joined last is served last.
                await late.Socket.ReceiveAsync(frame => IsFromDatabase(frame, topic));
            }

            Dictionary<Identity, string[]> rights = [];
            foreach (Member member in members.Skip(1).Take(identities.Count))
            {
                await member.Socket.ReplyToAsync(await member.Socket.PushAsync("phoenix", "heartbeat", null));
                List<string> cells = [];
                foreach (string topic in topics)
                {
                    cells.Add(
                        (member.Socket.Unread.Any(frame => IsFromDatabase(frame, topic)) ? "r" : "-")
                        + (broadcast.Contains((Wire(topic), member.Key)) ? "b" : "-")
                        + (present[topic].Contains(member.Key) ? "p" : "-"));
                }

                rights.Add(member.Identity, [.. cells]);
            }

            return rights;
        }
        finally
        {
            foreach (Member member in members)
                await member.Socket.DisposeAsync();
        }
    }

    public static async Task<bool> IsRefusedWithoutKeyAsync()
    {
        try
        {
            await using PlainSocket socket = await PlainSocket.ConnectAsync(
                new Uri(AssemblySetup.Emulator.Url, "/realtime/v1/websocket?vsn=1.0.0"), isVersion1: true);
            return false;
        }
        catch (WebSocketException)
        {
            return true;
        }
    }

    private static async Task<Member> ConnectAsync(Identity identity, string key, IReadOnlyList<string> topics)
    {
        PlainSocket socket = await PlainSocket.ConnectAsync(AssemblySetup.Emulator.Url, identity.ApiKey, "1.0.0");
        Member member = new(identity, key, socket, []);
        foreach (string topic in topics)
        {
            JsonObject config = new()
            {
                ["private"] = true,
                ["broadcast"] = new JsonObject { ["replication_ready"] = true },
                ["presence"] = new JsonObject { ["enabled"] = true, ["key"] = key },
            };
            (string joinRef, JsonNode reply) = await socket.JoinAsync(Wire(topic), config, identity.Token);
            if ((string?)reply["status"] == "ok")
                member.JoinRefs.Add(topic, joinRef);
        }

        return member;
    }

    // Also on the topics that were refused: a client need not care.
    private static async Task ActAsync(Member member, IReadOnlyList<string> topics)
    {
        foreach (string topic in topics)
        {
            string? joinRef = member.JoinRefs.GetValueOrDefault(topic);
            JsonObject broadcast = new()
            {
                ["type"] = "broadcast",
                ["event"] = "matrix:probe",
                ["payload"] = new JsonObject { ["from"] = member.Key },
            };
            JsonObject presence = new() { ["type"] = "presence", ["event"] = "track", ["payload"] = new JsonObject() };
            await member.Socket.PushAsync(Wire(topic), "broadcast", broadcast, joinRef);
            // The answer comes after the broadcast has been relayed.
            await member.Socket.ReplyToAsync(await member.Socket.PushAsync(Wire(topic), "presence", presence, joinRef));
        }
    }

    private static bool IsFromDatabase(PlainFrame frame, string topic) =>
        frame.Event == "broadcast" && frame.Topic == Wire(topic) && (string?)frame.Payload!["payload"]!["from"] == "database";

    private static string Wire(string topic) => $"realtime:{topic}";
}
