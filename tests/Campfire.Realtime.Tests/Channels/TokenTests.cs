using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Tests.Channels;

public sealed class TokenTests
{
    [Test]
    public async Task Token_is_replaced_half_a_minute_before_its_end_and_pushed_to_the_channel()
    {
        var tokens = new Tokens(life: TimeSpan.FromHours(1));
        await using var world = new World(tokens.Configure);
        tokens.Time = world.Time;
        (ScriptedSocket socket, _, SentFrame join) = await world.JoinedAsync();

        await world.Time.PassAsync(TimeSpan.FromHours(1) - AccessTokenSource.ExpiryMargin);
        SentFrame push = await socket.SentAsync("access_token");

        Assert.Multiple(() =>
        {
            Assert.That((push.JoinRef, push.Topic), Is.EqualTo((join.JoinRef, join.Topic)));
            Assert.That((string?)push.Payload!["access_token"], Is.EqualTo(tokens.Last).And.Not.EqualTo((string?)join.Payload!["access_token"]));
        });
    }

    [Test]
    public async Task Short_lived_token_is_replaced_at_half_of_its_life()
    {
        var tokens = new Tokens(life: TimeSpan.FromSeconds(20));
        await using var world = new World(tokens.Configure);
        tokens.Time = world.Time;
        (ScriptedSocket socket, _, _) = await world.JoinedAsync();

        await world.Time.PassAsync(TimeSpan.FromSeconds(10));

        await socket.SentAsync("access_token");
    }

    [TestCase(-3600, Description = "the clock is an hour ahead, or the token an hour old")]
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(315_360_000, Description = "ten years")]
    public async Task Token_with_an_odd_end_is_left_to_the_server_to_judge(int lifeSeconds)
    {
        var tokens = new Tokens(life: TimeSpan.FromSeconds(lifeSeconds));
        await using var world = new World(tokens.Configure);
        tokens.Time = world.Time;
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        await events.NextAsync();
        Assert.That(conversation.IsLive, Is.True);
        Assert.That(tokens.Asked, Is.LessThan(8));
    }

    [Test]
    public async Task Callback_that_always_gives_the_same_token_is_not_asked_in_a_tight_loop()
    {
        var tokens = new Tokens(life: TimeSpan.FromSeconds(60)) { IsSame = true };
        await using var world = new World(tokens.Configure);
        tokens.Time = world.Time;
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        Task never = new TaskCompletionSource().Task;

        for (int second = 0; second < 120; second++)
        {
            world.Time.Advance(TimeSpan.FromSeconds(1));
            await never.WaitAsync(TimeSpan.FromMilliseconds(1)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Assert.Multiple(() =>
        {
            Assert.That(tokens.Asked, Is.InRange(3, 40));
            Assert.That(conversation.IsLive, Is.True);
            Assert.That(socket.TakeSent().Select(frame => frame.Event), Has.None.EqualTo("access_token"));
        });
    }

    [Test]
    public async Task Callback_that_cannot_reach_its_source_for_a_while_costs_no_channel()
    {
        int asked = 0;
        await using var world = new World(options => options.AccessToken = _ => Interlocked.Increment(ref asked) is > 2 and < 6
            ? throw new HttpRequestException("the token server is away")
            : ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue)));
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();

        socket.Break();
        await world.RetryAsync();
        ScriptedSocket second = await world.Server.NextSocketAsync();
        Task<SentFrame> rejoin = second.SentAsync("phx_join");
        await world.Time.PassUntilAsync(rejoin, TimeSpan.FromMilliseconds(100));

        second.Broadcast((await rejoin).Topic, "message:created", world.Database.Store());
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        var next = events.NextAsync();
        await world.Time.PassUntilAsync(next, TimeSpan.FromMilliseconds(100));
    }

    [TestCase("")]
    [TestCase("  ")]
    [TestCase(null)]
    [TestCase("two words")]
    [TestCase("line\nbreak")]
    public async Task Callback_that_returns_no_token_is_told_so(string? token)
    {
        await using var world = new World(options => options.AccessToken = _ => ValueTask.FromResult(token!));
        await world.ConnectAsync();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.JoinAsync());

        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.InvalidToken));
    }

    [Test]
    public async Task Callback_that_fails_for_good_ends_the_join_with_the_cause_and_without_its_words()
    {
        await using var world = new World(options => options.AccessToken = _ => throw new UnauthorizedAccessException("password 1234 is wrong"));
        await world.ConnectAsync();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.JoinAsync());

        Assert.Multiple(() =>
        {
            Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.InvalidToken));
            Assert.That(e.InnerException, Is.InstanceOf<UnauthorizedAccessException>());
            Assert.That(e.Message, Does.Not.Contain("1234"));
        });
    }

    [Test]
    public async Task Callback_that_never_returns_holds_up_neither_cancellation_nor_disposal()
    {
        var world = new World(options => options.AccessToken = _ => new ValueTask<string>(new TaskCompletionSource<string>().Task));
        await world.ConnectAsync();
        using var cancelled = new CancellationTokenSource();
        Task first = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()), cancelled.Token);
        Task second = world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));

        await cancelled.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => first.InTime());
        await world.Client.DisposeAsync().InTime();

        Assert.CatchAsync<ObjectDisposedException>(() => second.InTime());
    }

    [Test]
    public async Task Callback_is_never_entered_twice_at_once()
    {
        int inside = 0, most = 0;
        await using var world = new World(
            options => options.AccessToken = async _ =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref inside));
                await Task.Yield();
                Interlocked.Decrement(ref inside);
                return World.Token(DateTimeOffset.MaxValue);
            },
            isTimeReal: true);
        await world.ConnectAsync();

        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())))).InTime();

        Assert.That(most, Is.EqualTo(1));
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = target; value > seen; seen = target)
            Interlocked.CompareExchange(ref target, value, seen);
    }

    // What an application's token service would be.
    private sealed class Tokens(TimeSpan life)
    {
        private int _asked;
        private string? _same;

        public TimeProvider Time { get; set; } = TimeProvider.System;

        public bool IsSame { get; init; }

        public int Asked => Volatile.Read(ref _asked);

        public string? Last { get; private set; }

        public void Configure(CampfireClientOptions options) => options.AccessToken = _ =>
        {
            int number = Interlocked.Increment(ref _asked);
            Last = IsSame ? _same ??= World.Token(Time.GetUtcNow() + life) : World.Token(Time.GetUtcNow() + life, $"user-{number}");
            return ValueTask.FromResult(Last);
        };
    }
}
