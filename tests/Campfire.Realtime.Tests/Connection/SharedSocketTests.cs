using System.Text;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Connection;

// Several channels on one socket, several sockets for many channels, and none for no channel.
public sealed class SharedSocketTests
{
    [Test]
    public async Task More_channels_than_a_socket_may_carry_open_another_one()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 2);
        ScriptedSocket first = await world.ConnectAsync();

        await using BroadcastChannel a = await JoinAsync(world);
        await using BroadcastChannel b = await JoinAsync(world);
        await using BroadcastChannel c = await JoinAsync(world);
        ScriptedSocket second = await world.Server.NextSocketAsync();

        Assert.Multiple(() =>
        {
            Assert.That(first.TakeSent().Where(frame => frame.Event == "phx_join").Select(frame => frame.Topic), Is.EqualTo(Topics(a, b)));
            Assert.That(second.TakeSent().Where(frame => frame.Event == "phx_join").Select(frame => frame.Topic), Is.EqualTo(Topics(c)));
            Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
        });
    }

    [Test]
    public async Task Frames_of_the_second_socket_reach_their_channel()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        await world.ConnectAsync();
        await using BroadcastChannel a = await JoinAsync(world);
        await using BroadcastChannel b = await JoinAsync(world);
        ScriptedSocket second = await world.Server.NextSocketAsync();

        second.Broadcast(Topic(b), "some:event", """{"n":1}""");

        await using IAsyncEnumerator<ChannelBroadcast> reader = b.ReadAsync().GetAsyncEnumerator();
        Assert.That((await reader.NextAsync()).EventName, Is.EqualTo("some:event"));
    }

    [Test]
    public async Task Loss_of_the_second_socket_shows_and_only_its_channels_join_again()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        ScriptedSocket first = await world.ConnectAsync();
        await using BroadcastChannel a = await JoinAsync(world);
        await using BroadcastChannel b = await JoinAsync(world);
        ScriptedSocket second = await world.Server.NextSocketAsync();
        first.TakeSent();

        second.Break();
        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
        await world.RetryAsync();
        ScriptedSocket third = await world.Server.NextSocketAsync();

        Assert.That((await third.SentAsync("phx_join")).Topic, Is.EqualTo(Topic(b)));
        Assert.That(first.TakeSent(), Is.Empty);
        await world.StatusAsync(CampfireConnectionState.Connected).InTime();
    }

    [Test]
    public async Task Left_channel_makes_room_on_its_socket()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        await world.ConnectAsync();
        await (await JoinAsync(world)).DisposeAsync();

        await using BroadcastChannel next = await JoinAsync(world);

        Assert.That(world.Server.Connects, Is.EqualTo(1));
    }

    [Test]
    public async Task Refused_channel_makes_room_on_its_socket()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        ScriptedSocket socket = await world.ConnectAsync();
        world.Server.AnswersJoins = false;
        Task<BroadcastChannel> refused = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));
        socket.Reply(await socket.SentAsync("phx_join"), """{"status":"error","response":{"reason":"Unauthorized: no"}}""");
        Assert.ThrowsAsync<CampfireException>(() => refused.InTime());
        world.Server.AnswersJoins = true;

        await using BroadcastChannel next = await JoinAsync(world);

        Assert.That(world.Server.Connects, Is.EqualTo(1));
    }

    [Test]
    public async Task Socket_closes_30_seconds_after_its_last_channel_and_opens_for_the_next()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        await (await JoinAsync(world)).DisposeAsync();

        await world.Time.PassAsync(CampfireClientOptions.DefaultIdleTimeout);
        CampfireStatus resting = await world.StatusAsync(CampfireConnectionState.Disconnected).InTime();
        await socket.Goodbye.InTime();
        await using BroadcastChannel next = await JoinAsync(world);

        Assert.Multiple(() =>
        {
            Assert.That(resting.Reason, Is.EqualTo("no channel is joined"));
            Assert.That(world.Server.Connects, Is.EqualTo(2));
            Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
        });
    }

    [Test]
    public async Task Connect_wakes_a_socket_that_rests()
    {
        await using var world = new World();
        await world.ConnectAsync();
        await (await JoinAsync(world)).DisposeAsync();
        await world.Time.PassAsync(CampfireClientOptions.DefaultIdleTimeout);
        await world.StatusAsync(CampfireConnectionState.Disconnected).InTime();

        await world.Client.ConnectAsync().InTime();

        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    [Test]
    public async Task Channel_within_the_30_seconds_keeps_the_socket()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        await (await JoinAsync(world)).DisposeAsync();
        await world.Time.ArmedAsync(CampfireClientOptions.DefaultIdleTimeout);
        await using BroadcastChannel next = await JoinAsync(world);

        world.Time.Advance(CampfireClientOptions.DefaultIdleTimeout);
        socket.Broadcast(Topic(next), "some:event", "{}");

        await using IAsyncEnumerator<ChannelBroadcast> reader = next.ReadAsync().GetAsyncEnumerator();
        await reader.NextAsync();
        Assert.That(world.Server.Connects, Is.EqualTo(1));
    }

    [Test]
    public async Task Connection_without_any_channel_so_far_does_not_rest()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();

        world.Time.Advance(TimeSpan.FromMinutes(5));
        await socket.SentAsync("heartbeat");

        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    [Test]
    public async Task Socket_that_rests_hides_no_trouble_of_another()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        await world.ConnectAsync();
        BroadcastChannel a = await JoinAsync(world);
        await using BroadcastChannel b = await JoinAsync(world);
        ScriptedSocket second = await world.Server.NextSocketAsync();
        await a.DisposeAsync();
        await world.Time.PassAsync(CampfireClientOptions.DefaultIdleTimeout);

        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
        world.Server.OnConnect = _ => new SocketRefusedException(503, null, null);
        second.Break();

        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
    }

    [Test]
    public async Task Gateway_that_has_lost_its_routes_after_a_rest_is_waited_for()
    {
        await using var world = new World();
        await world.ConnectAsync();
        await (await JoinAsync(world)).DisposeAsync();
        await world.Time.PassAsync(CampfireClientOptions.DefaultIdleTimeout);
        await world.StatusAsync(CampfireConnectionState.Disconnected).InTime();
        world.Server.OnConnect = number => number == 2 ? new SocketRefusedException(404, null, null) : null;

        Task<BroadcastChannel> joining = JoinAsync(world);
        await world.Time.PassUntilAsync(joining, TimeSpan.FromMilliseconds(100));

        await (await joining).DisposeAsync();
    }

    [Test]
    public async Task Gateway_that_has_lost_its_routes_for_a_further_socket_is_waited_for()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        await world.ConnectAsync();
        await using BroadcastChannel a = await JoinAsync(world);
        world.Server.OnConnect = number => number == 2 ? new SocketRefusedException(404, null, null) : null;

        Task<BroadcastChannel> joining = JoinAsync(world);
        await world.Time.PassUntilAsync(joining, TimeSpan.FromMilliseconds(100));

        await using BroadcastChannel b = await joining;
        Assert.That((a.IsLive, b.IsLive, world.Client.Status.State), Is.EqualTo((true, true, CampfireConnectionState.Connected)));
    }

    [Test]
    public async Task Further_socket_that_was_refused_for_good_is_no_trouble_of_the_first_and_is_tried_again_for_the_next_channel()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        await world.ConnectAsync();
        await using BroadcastChannel a = await JoinAsync(world);
        world.Server.OnConnect = number => number == 2 ? new SocketRefusedException(403, "Too many connections for this key", null) : null;

        Assert.ThrowsAsync<CampfireException>(() => JoinAsync(world));
        await world.StatusAsync(CampfireConnectionState.Connected).InTime();
        await using BroadcastChannel b = await JoinAsync(world);

        Assert.That((a.IsLive, b.IsLive), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task Trouble_of_a_further_socket_shows_when_a_channel_needs_it_again()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        await world.ConnectAsync();
        await using BroadcastChannel a = await JoinAsync(world);
        BroadcastChannel b = await JoinAsync(world);
        ScriptedSocket second = await world.Server.NextSocketAsync();
        await b.DisposeAsync();
        world.Server.OnConnect = _ => new SocketRefusedException(503, null, null);
        world.Time.ForgetArmed();
        second.Break();
        await world.Time.ArmedAsync(due => due <= CampfireClientOptions.DefaultReconnectBaseDelay);
        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected), "nobody needs it");

        Task<BroadcastChannel> joining = JoinAsync(world);

        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
        await world.Client.DisposeAsync().InTime();
        Assert.ThrowsAsync<ObjectDisposedException>(() => joining);
    }

    [Test]
    public async Task Connect_while_connected_keeps_no_further_socket_open_that_nobody_needs()
    {
        await using var world = new World(options => options.MaxChannelsPerConnection = 1);
        await world.ConnectAsync();
        await using BroadcastChannel a = await JoinAsync(world);
        BroadcastChannel b = await JoinAsync(world);
        ScriptedSocket second = await world.Server.NextSocketAsync();
        await b.DisposeAsync();
        await world.Time.ArmedAsync(CampfireClientOptions.DefaultIdleTimeout);

        await world.Client.ConnectAsync().InTime();
        world.Time.Advance(CampfireClientOptions.DefaultIdleTimeout);

        await second.Goodbye.InTime();
        Assert.That(a.IsLive, Is.True);
    }

    private static Task<BroadcastChannel> JoinAsync(World world) =>
        world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())).InTime();

    private static IEnumerable<string> Topics(params BroadcastChannel[] channels) => channels.Select(Topic);

    private static string Topic(BroadcastChannel channel) => Encoding.UTF8.GetString(channel.Name.WireTopic.Span);
}
