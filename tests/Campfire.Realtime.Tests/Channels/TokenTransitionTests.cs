using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Tests.Channels;

// What an answer of the application's token callback makes of a channel, at each moment when it is asked.
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TokenTransitionTests
{
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    private int _asked;
    private TimeProvider _time = TimeProvider.System;

    // Which question gets no answer, and why.
    private Func<int, Exception?> _failure = _ => null;

    [Test]
    public async Task Transient_failure_at_the_first_join_is_waited_out()
    {
        _failure = question => question == 1 ? new HttpRequestException("away") : null;
        await using var world = new World(Configure);
        await world.ConnectAsync();
        world.Time.ForgetArmed();
        Task<BroadcastChannel> joining = world.Client.JoinChannelAsync(Protocol.ChannelName.Organization(Guid.CreateVersion7()));

        TimeSpan delay = await world.Time.ArmedAsync(due => due <= CampfireClientOptions.DefaultReconnectBaseDelay);
        Assert.That(joining.IsCompleted, Is.False);
        world.Time.Advance(delay + TimeSpan.FromMilliseconds(1));

        await using BroadcastChannel channel = await joining.InTime();
    }

    [Test]
    public async Task Transient_failure_at_a_rejoin_is_waited_out()
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(ChannelState.Interrupted, Configure);
        _failure = question => question == 2 ? new TimeoutException() : null;
        stage.World.Time.ForgetArmed();

        stage.World.Time.Advance(stage.Delay + TimeSpan.FromMilliseconds(1));
        Assert.That(await stage.PassDelayAsync(), Is.LessThanOrEqualTo(TimeSpan.FromSeconds(1)));

        await stage.NextJoinAsync();
        stage.Accept();
        await stage.BeLiveAsync();
    }

    [Test]
    public async Task Permanent_failure_at_a_rejoin_ends_the_channel()
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(ChannelState.Interrupted, Configure);
        _failure = _ => new UnauthorizedAccessException("signed out");

        stage.World.Time.Advance(stage.Delay + TimeSpan.FromMilliseconds(1));

        await EndsAsync(stage);
    }

    [Test]
    public async Task Transient_failure_at_a_refresh_is_tried_again_and_costs_no_membership()
    {
        await using ChannelStage stage = await ChannelStage.ReachAsync(ChannelState.Joined, Configure);
        _failure = question => question is 2 or 3 ? new HttpRequestException("away") : null;
        await stage.World.Time.ArmedAsync(Life - AccessTokenSource.ExpiryMargin);
        stage.World.Time.ForgetArmed();

        stage.World.Time.Advance(Life - AccessTokenSource.ExpiryMargin);
        TimeSpan first = await stage.PassDelayAsync(), second = await stage.PassDelayAsync();

        SentFrame push = await stage.Socket.SentAsync("access_token");
        Assert.That(first, Is.LessThanOrEqualTo(CampfireClientOptions.DefaultReconnectBaseDelay));
        Assert.That(second, Is.LessThanOrEqualTo(2 * CampfireClientOptions.DefaultReconnectBaseDelay));
        Assert.That((push.JoinRef, _asked), Is.EqualTo((stage.Join.JoinRef, 4)));
        await stage.BeLiveAsync();
    }

    private static async Task EndsAsync(ChannelStage stage)
    {
        CampfireException? end = Assert.ThrowsAsync<CampfireException>(() => stage.Reading.InTime());
        Assert.That((end!.Code, end.IsTransient), Is.EqualTo((CampfireErrorCode.InvalidToken, false)));
        Assert.That(stage.Channel!.IsLive, Is.False);
        await stage.World.Time.ArmedAsync(CampfireClientOptions.DefaultIdleTimeout);
    }

    private void Configure(CampfireClientOptions options)
    {
        _time = options.TimeProvider;
        options.AccessToken = _ =>
        {
            int question = Interlocked.Increment(ref _asked);
            return _failure(question) is { } failure
                ? ValueTask.FromException<string>(failure)
                : ValueTask.FromResult(World.Token(_time.GetUtcNow() + Life, $"user-{question}"));
        };
    }
}
