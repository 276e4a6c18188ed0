using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Channels;

// What the server says is logged and kept, and must fill neither a disk nor the memory.
public sealed class LongWordsTests
{
    private const int Most = 1_000;

    private static readonly string Words = new('w', 1_000_000);

    [Test]
    public async Task Words_before_a_close_are_cut()
    {
        var log = new KeptLog(LogLevel.Warning);
        await using var world = new World(options => options.LoggerFactory = log);
        ScriptedSocket socket = await world.ConnectAsync();
        await using BroadcastChannel channel = await world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())).InTime();
        SentFrame join = await socket.SentAsync("phx_join");

        socket.SystemError(join, $"You no longer have permission {Words}");
        socket.CloseChannel(join);

        await using IAsyncEnumerator<ChannelBroadcast> reader = channel.ReadAsync().GetAsyncEnumerator();
        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => reader.MoveNextAsync().InTime());
        Assert.That((e!.Code, e.ServerReason!.Length), Is.EqualTo((CampfireErrorCode.AccessWithdrawn, Most)));
        Assert.That(await log.LoggedAsync(1201), Has.Length.LessThan(2 * Most));
    }

    [Test]
    public async Task Words_of_a_refused_join_are_cut()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        world.Server.AnswersJoins = false;
        Task<BroadcastChannel> joining = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));

        socket.Reply(await socket.SentAsync("phx_join"), $$$"""{"status":"error","response":{"reason":"Unauthorized: {{{Words}}}"}}""");

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => joining.InTime());
        Assert.That((e!.Code, e.ServerReason!.Length), Is.EqualTo((CampfireErrorCode.AccessDenied, Most)));
    }
}
