using Campfire.Realtime.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Tests.Channels;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RejoinPolicyTests
{
    private static readonly TimeSpan Base = TimeSpan.FromMilliseconds(500);

    private readonly ManualTime _time = new();

    [Test]
    public void Transient_ends_are_met_at_doubling_ceilings_up_to_the_longest()
    {
        RejoinPolicy policy = NewPolicy(longest: TimeSpan.FromSeconds(3));

        Assert.That(Enumerable.Range(0, 5).Select(_ => policy.DelayAfter(Of(RefusalClass.Transient))),
            Is.EqualTo(new[] { Base, 2 * Base, 4 * Base, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(3) }));
    }

    [TestCase(4999, 2)]
    [TestCase(5000, 1)]
    public void Membership_counts_as_stable_from_five_seconds_on(int joinedMilliseconds, int factor)
    {
        RejoinPolicy policy = NewPolicy();
        policy.DelayAfter(Of(RefusalClass.Transient));
        policy.OnJoined();
        _time.Advance(TimeSpan.FromMilliseconds(joinedMilliseconds));

        Assert.That(policy.DelayAfter(Of(RefusalClass.Transient)), Is.EqualTo(factor * Base));
    }

    [Test]
    public void Old_membership_does_not_make_a_later_refused_join_stable()
    {
        RejoinPolicy policy = NewPolicy();
        policy.OnJoined();
        _time.Advance(TimeSpan.FromHours(1));
        policy.DelayAfter(Of(RefusalClass.Transient));

        Assert.That(policy.DelayAfter(Of(RefusalClass.Transient)), Is.EqualTo(2 * Base));
    }

    [Test]
    public void Lost_link_begins_the_count_anew()
    {
        RejoinPolicy policy = NewPolicy();
        for (int i = 0; i < 5; i++)
            policy.DelayAfter(Of(RefusalClass.Transient));
        policy.OnLinkLost();

        Assert.That(policy.DelayAfter(Of(RefusalClass.Transient)), Is.EqualTo(Base));
    }

    [TestCase(0.0, 5)]
    [TestCase(0.5, 32.5)]
    [TestCase(1.0, 60)]
    public void Lack_of_room_is_waited_for_between_5_and_60_seconds(double draw, double seconds) =>
        Assert.That(NewPolicy(draw: draw).DelayAfter(Of(RefusalClass.Capacity)), Is.EqualTo(TimeSpan.FromSeconds(seconds)));

    [Test]
    public void Refused_tokens_are_replaced_at_once_then_after_a_backoff_and_not_a_fourth_time()
    {
        RejoinPolicy policy = NewPolicy();
        TimeSpan[] delays = [.. Enumerable.Range(0, 3).Select(_ => policy.DelayAfter(Of(RefusalClass.Token)))];

        CampfireException? end = Assert.Throws<CampfireException>(() => policy.DelayAfter(Of(RefusalClass.Token)));

        Assert.Multiple(() =>
        {
            Assert.That(delays, Is.EqualTo(new[] { TimeSpan.Zero, 2 * Base, 4 * Base }));
            Assert.That((end!.Code, end.ServerReason), Is.EqualTo((CampfireErrorCode.InvalidToken, "its words")));
            Assert.That(end.Message, Does.Contain("3 fresh tokens within a minute"));
        });
    }

    [TestCase(60_000, true)]
    [TestCase(60_001, false)]
    public void Refused_tokens_are_counted_within_a_minute(int milliseconds, bool isOver)
    {
        RejoinPolicy policy = NewPolicy();
        for (int i = 0; i < 3; i++)
            policy.DelayAfter(Of(RefusalClass.Token));
        _time.Advance(TimeSpan.FromMilliseconds(milliseconds));

        Assert.That(() => policy.DelayAfter(Of(RefusalClass.Token)), isOver ? Throws.TypeOf<CampfireException>() : Throws.Nothing);
    }

    [Test]
    public async Task Refused_token_is_forgotten_and_another_one_is_asked_for()
    {
        int asked = 0;
        var tokens = new AccessTokenSource(
            _ => ValueTask.FromResult(World.Token(_time.GetUtcNow() + TimeSpan.FromHours(1), $"user-{++asked}")), _time, CampfireClientOptions.DefaultReplyTimeout);
        RejoinPolicy policy = NewPolicy(tokens: tokens);
        AccessToken refused = await tokens.GetAsync(CancellationToken.None);
        Assert.That(await tokens.GetAsync(CancellationToken.None), Is.SameAs(refused));

        policy.DelayAfter(Of(RefusalClass.Token));

        Assert.That((await tokens.GetAsync(CancellationToken.None)).Value, Is.Not.EqualTo(refused.Value));
    }

    [TestCase(CampfireErrorCode.AccessDenied, false, CampfireErrorCode.AccessDenied)]
    [TestCase(CampfireErrorCode.AccessDenied, true, CampfireErrorCode.AccessWithdrawn)]
    [TestCase(CampfireErrorCode.AccessWithdrawn, true, CampfireErrorCode.AccessWithdrawn)]
    [TestCase(CampfireErrorCode.InvalidApiKey, true, CampfireErrorCode.InvalidApiKey)]
    public void Permanent_refusal_ends_it_and_denied_is_withdrawn_for_who_was_joined(CampfireErrorCode code, bool wasJoined, CampfireErrorCode expected)
    {
        RejoinPolicy policy = NewPolicy();
        if (wasJoined)
            policy.OnJoined();

        CampfireException? end = Assert.Throws<CampfireException>(() => policy.DelayAfter(new Refusal(RefusalClass.Permanent, code, "its words")));

        Assert.That((end!.Code, end.ServerReason), Is.EqualTo((expected, "its words")));
    }

    private RejoinPolicy NewPolicy(TimeSpan? longest = null, double draw = 1, AccessTokenSource? tokens = null) => new(
        ChannelName.Organization(Guid.CreateVersion7()),
        new Backoff(Base, longest ?? TimeSpan.FromHours(1), new FixedDraw(draw)),
        tokens ?? new AccessTokenSource(null, _time, CampfireClientOptions.DefaultReplyTimeout),
        _time);

    private static Refusal Of(RefusalClass @class) => new(
        @class, @class is RefusalClass.Token ? CampfireErrorCode.InvalidToken : CampfireErrorCode.Unavailable, "its words");

    private sealed class FixedDraw(double draw) : Random
    {
        public override double NextDouble() => draw;
    }
}
