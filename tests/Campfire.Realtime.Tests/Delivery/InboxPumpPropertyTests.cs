using System.Text;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Rest;
using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Tests.Delivery;

// Whatever the channel does to the changes of an organization, the list ends at the newest ones, and no reader sees an older version
// behind a newer one.
public sealed class InboxPumpPropertyTests
{
    private enum Act
    {
        Arrive,
        GetLost,
        ArriveTwice,
        ArriveLate,
        RepeatAnOldOne,
        Rejoin,
        Interrupt,
        Read,
        LetTimePass,
    }

    [Test]
    public void Any_history_ends_with_the_newest_versions_of_the_newest_conversations()
    {
        Gen<Act> act = Gen.Frequency(
            (6, Gen.Const(Act.Arrive)), (4, Gen.Const(Act.GetLost)), (2, Gen.Const(Act.ArriveTwice)), (4, Gen.Const(Act.ArriveLate)), (3, Gen.Const(Act.RepeatAnOldOne)),
            (1, Gen.Const(Act.Rejoin)), (1, Gen.Const(Act.Interrupt)), (2, Gen.Const(Act.Read)), (1, Gen.Const(Act.LetTimePass)));
        Gen.Select(Gen.OneOf(Gen.Const(1), Gen.Const(2), Gen.Const(4), Gen.Const(500)), act.Array[0, 60], Gen.Int[0, int.MaxValue]).Sample(
            (limit, acts, seed) => PlayAsync(limit, acts, new Random(seed)).InTime().GetAwaiter().GetResult(),
            iter: 1_000,
            writeLine: TestContext.Out.WriteLine);
    }

    private static async Task PlayAsync(int limit, Act[] acts, Random random)
    {
        using var http = new ScriptedDatabase();
        var database = new ScriptedInbox(http.OrganizationId);
        http.OnCall = async (_, arguments, _) =>
        {
            await Task.Yield();
            return database.Answer(arguments);
        };
        var options = new CampfireClientOptions { PollAfter = TimeSpan.FromMilliseconds(1), PollInterval = TimeSpan.FromMilliseconds(1) };
        using var client = new HttpClient(http, disposeHandler: false);
        var rpc = new RpcClient(client, new Uri("http://supabase.test/rpc/"), "key", new AccessTokenSource(null, TimeProvider.System, TimeSpan.FromSeconds(10)), TimeSpan.FromSeconds(10), TimeProvider.System);
        var status = new StatusBoard(new CampfireStatus(CampfireConnectionState.Connected), 1);
        await using var pump = new InboxPump(http.OrganizationId, limit, rpc, options, new Backoff(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2), random), status, NullLogger.Instance);
        for (int i = 0; i < 3; i++)
            database.Change(Id(i));
        pump.Start();
        pump.OnLive();
        pump.RequestRead();
        await pump.FirstRead;

        var seen = new Dictionary<Guid, long>();
        var sentinels = new[] { Id(100), Id(101) };
        TaskCompletionSource[] arrived = [new(TaskCreationOptions.RunContinuationsAsynchronously), new(TaskCreationOptions.RunContinuationsAsynchronously)];
        Task reading = Task.Run(async () =>
        {
            await foreach (ConversationSummary change in pump.ReadAsync(CancellationToken.None))
            {
                if (seen.TryGetValue(change.Id, out long version) && version >= change.Version)
                    throw new InvalidOperationException($"Version {change.Version} behind {version}.");
                seen[change.Id] = change.Version;
                int index = Array.IndexOf(sentinels, change.Id);
                if (index >= 0)
                    arrived[index].SetResult();
                if (pump.List().Count > limit)
                    throw new InvalidOperationException("The list exceeds its limit.");
            }
        });

        var sent = new List<string>();
        var late = new List<string>();
        foreach (Act act in acts)
        {
            switch (act)
            {
                case Act.Arrive:
                    Offer(Change());
                    break;
                case Act.GetLost:
                    Change();
                    break;
                case Act.ArriveTwice:
                    Offer(Change());
                    Offer(sent[^1]);
                    break;
                case Act.ArriveLate when late.Count > 0 && random.Next(2) == 0:
                    Offer(late[^1]);
                    late.RemoveAt(late.Count - 1);
                    break;
                case Act.ArriveLate:
                    late.Add(Change());
                    break;
                case Act.RepeatAnOldOne when sent.Count > 0:
                    Offer(sent[random.Next(sent.Count)]);
                    break;
                case Act.Rejoin:
                    pump.OnLive();
                    break;
                case Act.Interrupt:
                    pump.OnInterrupted("away");
                    break;
                case Act.Read:
                    pump.RequestRead();
                    break;
                case Act.LetTimePass:
                    database.Now += TimeSpan.FromSeconds(random.Next(1, 60));
                    await Task.Yield();
                    break;
            }
        }

        late.ForEach(Offer);

        // Two lost ones at the end: the read that brings the second began when the one that brought the first was over.
        for (int i = 0; i < sentinels.Length; i++)
        {
            database.Change(sentinels[i]);
            pump.RequestRead();
            await Task.WhenAny(arrived[i].Task, reading);
            if (reading.IsFaulted)
                await reading;
        }

        IEnumerable<(Guid, long)> listed = pump.List().Select(conversation => (conversation.Id, conversation.Version));
        if (!listed.SequenceEqual(database.Newest(limit)))
            throw new InvalidOperationException($"Listed are {string.Join(", ", listed)}; the newest are {string.Join(", ", database.Newest(limit))}.");
        await pump.DisposeAsync();
        await reading;

        string Change()
        {
            sent.Add(database.Change(Id(random.Next(8))));
            return sent[^1];
        }

        void Offer(string row)
        {
            if (!PayloadReader.TryReadConversation(Encoding.UTF8.GetBytes(row), out ConversationSummary? conversation, out string? error))
                throw new InvalidOperationException(error);
            pump.Offer(conversation);
        }
    }

    private static Guid Id(int number) => new(number + 1, 0, 0, new byte[8]);
}
