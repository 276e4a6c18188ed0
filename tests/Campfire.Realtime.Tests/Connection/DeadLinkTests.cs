using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Connection;

public sealed class DeadLinkTests
{
    private static readonly TimeSpan Interval = CampfireClientOptions.DefaultHeartbeatInterval;
    private static readonly TimeSpan Patience = CampfireClientOptions.DefaultHeartbeatTimeout;

    [Test]
    public async Task Dead_link_is_noticed_20_seconds_after_the_last_sign_of_life_at_defaults()
    {
        await using var world = new World();
        world.Server.AnswersHeartbeats = false;
        ScriptedSocket socket = await world.ConnectAsync();

        await world.Time.PassAsync(Interval);
        SentFrame heartbeat = await socket.SentAsync("heartbeat");
        await world.Time.PassAsync(Patience);
        CampfireStatus status = await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();

        Assert.Multiple(() =>
        {
            Assert.That(heartbeat, Is.EqualTo(new SentFrame(null, heartbeat.Ref, "phoenix", "heartbeat", heartbeat.Payload)));
            Assert.That(heartbeat.Payload!.ToJsonString(), Is.EqualTo("{}"));
            Assert.That(status.Reason, Does.Contain("no sign of life"));
        });
        await socket.Disposed.InTime();
    }

    [Test]
    public async Task Dead_link_is_noticed_even_when_nothing_can_be_sent_any_more()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        await using BroadcastChannel typing = await world.Client.JoinChannelAsync(
            Protocol.ChannelName.ConversationTyping(world.Database.OrganizationId, world.Database.ConversationId)).InTime();
        socket.SendGate = new TaskCompletionSource().Task;
        using var stop = new CancellationTokenSource();
        var notice = new Protocol.TypingNotice { ConversationId = world.Database.ConversationId, SenderType = Protocol.SenderType.Agent, SenderId = "a" };

        // More than the send queue takes.
        List<Task> sends = [.. Enumerable.Range(0, 300).Select(_ => typing.SendAsync(
            Protocol.EventNames.TypingStart, notice, Protocol.CampfireJsonContext.Default.TypingNotice, stop.Token).AsTask())];
        await world.Time.PassAsync(Interval);
        await world.Time.PassAsync(Patience);

        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
        await Task.WhenAll(sends).InTime();
    }

    [Test]
    public async Task Any_frame_is_a_sign_of_life()
    {
        await using var world = new World();
        world.Server.AnswersHeartbeats = false;
        ScriptedSocket socket = await world.ConnectAsync();

        await world.Time.PassAsync(Interval);
        await socket.SentAsync("heartbeat");
        await world.Time.ArmedAsync(Patience);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        SentFrame marker = await ReceivedAsync(world, socket);
        world.Time.Advance(Patience);
        await world.Time.PassAsync(Interval);

        Assert.That(await socket.SentAsync("heartbeat"), Is.Not.EqualTo(marker));
        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    [Test]
    public async Task Long_message_on_a_slow_line_is_a_sign_of_life_before_its_end()
    {
        await using var world = new World();
        world.Server.AnswersHeartbeats = false;
        ScriptedSocket socket = await world.ConnectAsync();
        await world.Time.PassAsync(Interval);
        await socket.SentAsync("heartbeat");
        await world.Time.ArmedAsync(Patience);
        world.Time.Advance(TimeSpan.FromSeconds(1));

        await socket.ReceivePartAndBeReadAsync([(byte)'[']);
        world.Time.Advance(Patience);

        await world.Time.PassAsync(Interval);
        await socket.SentAsync("heartbeat");
        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    // A frame that has certainly been read: the answer to it is visible.
    private static async Task<SentFrame> ReceivedAsync(World world, ScriptedSocket socket)
    {
        Task<BroadcastChannel> joining = world.Client.JoinChannelAsync(Protocol.ChannelName.Organization(Guid.CreateVersion7()));
        SentFrame join = await socket.SentAsync("phx_join");
        await joining.InTime();
        return join;
    }
}
