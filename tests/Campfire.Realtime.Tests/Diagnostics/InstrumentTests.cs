using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Diagnostics;

// The instruments are those of the process, so nothing else may run beside these.
[NonParallelizable]
public sealed class InstrumentTests
{
    [Test]
    public async Task Connects_losses_and_joins_are_counted_by_outcome()
    {
        using var metrics = new Metrics();
        await using var world = new World();
        world.Server.OnConnect = number => number == 1 ? new SocketRefusedException(503, null, null) : null;
        Task connecting = world.Client.ConnectAsync();
        await world.RetryAsync();
        await connecting.InTime();
        ScriptedSocket socket = await world.Server.NextSocketAsync();
        await using Conversation conversation = await world.JoinAsync();
        Assert.That((metrics.Sum("campfire.client.connections"), metrics.Sum("campfire.client.channels", "Conversation")), Is.EqualTo((1, 1)));

        socket.Close(1012);
        await world.RetryAsync();
        await (await world.Server.NextSocketAsync()).SentAsync("phx_join");
        await conversation.WatchStateAsync().FirstAsync(state => state.Mode is DeliveryMode.Live);
        await world.DisposeAsync();

        Assert.Multiple(() =>
        {
            Assert.That(metrics.Sum("campfire.client.connects", "Unavailable"), Is.EqualTo(1));
            Assert.That(metrics.Sum("campfire.client.connects", "ok"), Is.EqualTo(2));
            Assert.That(metrics.Sum("campfire.client.connection.losses", "closed"), Is.EqualTo(1));
            Assert.That(metrics.Sum("campfire.client.joins", "Conversation", "ok"), Is.EqualTo(2));
            Assert.That(metrics.Sum("campfire.client.connections"), Is.Zero);
            Assert.That(metrics.Sum("campfire.client.channels", "Conversation"), Is.Zero);
        });
    }

    [Test]
    public async Task Dead_link_is_lost_silently_and_a_refused_join_by_its_code()
    {
        using var metrics = new Metrics();
        await using var world = new World();
        world.Server.AnswersHeartbeats = world.Server.AnswersJoins = false;
        ScriptedSocket socket = await world.ConnectAsync();
        Task<Conversation> joining = world.JoinAsync();
        socket.Reply(await socket.SentAsync("phx_join"), """{"status":"error","response":{"reason":"Unauthorized: no"}}""");
        Assert.ThrowsAsync<CampfireException>(() => joining.InTime());
        world.Client.NotifyNetworkChanged();
        await socket.SentAsync("heartbeat");
        await world.Time.PassAsync(NetworkHint.Patience);
        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();

        Assert.That((metrics.Sum("campfire.client.joins", "Conversation", "AccessDenied"), metrics.Sum("campfire.client.connection.losses", "silent")), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task Events_are_counted_once_by_how_they_came()
    {
        using var metrics = new Metrics();
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        string first = world.Database.Store();
        socket.Broadcast(join.Topic, "message:created", first);
        await events.NextAsync();
        socket.Broadcast(join.Topic, "message:created", first);
        world.Database.Store();
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());
        await world.Time.PassAsync(CampfireClientOptions.DefaultGapHoldTime);
        await events.TakeAsync(2);

        Assert.Multiple(() =>
        {
            Assert.That(metrics.Sum("campfire.client.events", "message:created", "live"), Is.EqualTo(2));
            Assert.That(metrics.Sum("campfire.client.events", "message:created", "recovered"), Is.EqualTo(1));
            Assert.That(metrics.Sum("campfire.client.gaps"), Is.EqualTo(1));
            Assert.That(metrics.Sum("campfire.client.events.duplicates"), Is.GreaterThanOrEqualTo(1));
            Assert.That(metrics.Count("campfire.client.event.delay", "live"), Is.EqualTo(2));
        });
    }

    [Test]
    public async Task Polled_events_lost_history_and_violations_are_counted()
    {
        using var metrics = new Metrics();
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        socket.Receive("[garbage");
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());
        await events.NextAsync();
        world.Server.OnConnect = _ => new SocketRefusedException(503, null, null);
        world.Database.Store();
        world.Database.Store();
        world.Database.Forget(2);
        socket.Break();
        Task<List<ConversationEvent>> rest = events.TakeAsync(2);
        await world.Time.PassUntilAsync(rest, TimeSpan.FromMilliseconds(500));

        Assert.Multiple(() =>
        {
            Assert.That(metrics.Sum("campfire.client.events", "message:created", "polled"), Is.EqualTo(1));
            Assert.That(metrics.Sum("campfire.client.history.lost"), Is.EqualTo(1));
            Assert.That(metrics.Sum("campfire.client.violations", "MalformedFrame"), Is.EqualTo(1));
        });
    }

    [Test]
    public async Task Sends_are_timed_by_outcome()
    {
        using var metrics = new Metrics();
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        await conversation.SendMessageAsync("hello").InTime();
        world.Database.OnCall = (function, _, _) => Task.FromResult<HttpResponseMessage?>(
            function == "campfire_send_message" ? ScriptedDatabase.Error(HttpStatusCode.BadRequest, "campfire_invalid") : null);
        Assert.ThrowsAsync<CampfireException>(() => conversation.SendMessageAsync("").InTime());

        Assert.That((metrics.Count("campfire.client.send.duration", "ok"), metrics.Count("campfire.client.send.duration", "Invalid")), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task Work_is_traced_under_the_call_that_asked_and_loops_under_none()
    {
        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == CampfireDiagnostics.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var request = new Activity("request").Start();
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        await conversation.SendMessageAsync("hello").InTime();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        await world.Time.PassUntilAsync(events.NextAsync(), TimeSpan.FromMilliseconds(50));

        Activity Of(string name) => ended.First(activity => activity.OperationName == name);
        Assert.Multiple(() =>
        {
            Assert.That(Of("campfire connect").Parent, Is.Null);
            Assert.That(Of("campfire connect").TagObjects, Is.EquivalentTo(new KeyValuePair<string, object?>[]
                { new("server.address", "supabase.test"), new("server.port", 80), new("campfire.outcome", "ok") }));
            Assert.That(Of("campfire join").Parent, Is.Null);
            Assert.That(Of("campfire join").TagObjects, Is.EquivalentTo(new KeyValuePair<string, object?>[] { new("campfire.channel", "Conversation"), new("campfire.outcome", "ok") }));
            Assert.That(Of("campfire send").Parent, Is.SameAs(request));
            Assert.That(Of("campfire send").GetTagItem("campfire.outcome"), Is.EqualTo("ok"));
            Assert.That(Of("campfire read").Parent, Is.Null);
            Assert.That(Of("campfire read").GetTagItem("campfire.count"), Is.InstanceOf<int>());
            Assert.That(Activity.Current, Is.SameAs(request));
        });
    }

    private sealed class Metrics : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentQueue<(string Name, double Value, string Tags)> _measured = new();

        public Metrics()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == CampfireDiagnostics.Name)
                    listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
            _listener.Start();
        }

        public double Sum(string name, params string[] tags) => Of(name, tags).Sum(measured => measured.Value);

        public int Count(string name, params string[] tags) => Of(name, tags).Count();

        public void Dispose() => _listener.Dispose();

        private IEnumerable<(string Name, double Value, string Tags)> Of(string name, string[] tags) =>
            _measured.Where(measured => measured.Name == name && measured.Tags == string.Join(' ', tags));

        private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var values = new List<string>();
            foreach ((string _, object? tag) in tags)
                values.Add($"{tag}");
            _measured.Enqueue((instrument.Name, value, string.Join(' ', values)));
        }
    }
}
