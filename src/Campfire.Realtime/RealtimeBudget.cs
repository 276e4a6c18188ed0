using Campfire.Realtime.Budget;

namespace Campfire.Realtime;

/// <summary>Says what a Supabase plan allows a whole project.</summary>
/// <remarks>From <see href="https://supabase.com/docs/guides/realtime/limits">Supabase's list of limits</see>.</remarks>
public enum RealtimePlan
{
    /// <summary>100 messages per second.</summary>
    Free,

    /// <summary>500 messages per second.</summary>
    Pro,

    /// <summary>2,500 messages per second: Pro without a spend cap, Team and Enterprise.</summary>
    Team,
}

/// <summary>Keeps clients within what Realtime allows, because whoever goes beyond it is disconnected, and often others with him.</summary>
/// <remarks>
/// Thread-safe. Joins wait for their turn, presence calls are merged and wait, typing is dropped; messages are never held up, for they
/// go through the database. The limits hold for the whole project, and a budget only knows its own clients: share one instance among
/// all clients of a process, and leave room for the others.
/// </remarks>
public sealed class RealtimeBudget
{
    /// <summary>The default of <see cref="JoinsPerSecond"/>.</summary>
    public const int DefaultJoinsPerSecond = 20;

    /// <summary>The default of <see cref="PresenceCallsPerChannel"/>, which is Realtime's own limit on every plan.</summary>
    public const int DefaultPresenceCallsPerChannel = 5;

    // Typing gives way before messages are in danger.
    private const double TypingShare = 0.5;

    private readonly TimeProvider _time;
    private readonly MessageMeter _messages;
    private readonly Lazy<Pacer> _joins;

    /// <summary>Initializes a budget.</summary>
    /// <param name="plan">The project's plan, which sets <see cref="MessagesPerSecond"/>.</param>
    /// <param name="timeProvider">The clock. The default, <see langword="null"/>, is the system's.</param>
    public RealtimeBudget(RealtimePlan plan = RealtimePlan.Free, TimeProvider? timeProvider = null)
    {
        MessagesPerSecond = plan switch
        {
            RealtimePlan.Free => 100,
            RealtimePlan.Pro => 500,
            RealtimePlan.Team => 2_500,
            _ => throw new ArgumentOutOfRangeException(nameof(plan), plan, "No such plan. Set MessagesPerSecond for limits of your own."),
        };
        _time = timeProvider ?? TimeProvider.System;
        _messages = new MessageMeter(_time);
        _joins = new Lazy<Pacer>(() => new Pacer(TimeSpan.FromSeconds(1) / JoinsPerSecond, _time));
    }

    /// <summary>Gets how many messages per second the project may send and receive; each delivery to a client is one.</summary>
    /// <value>The default is the plan's; at least 1. Typing notices are dropped while the clients of this budget use more than half of it.</value>
    public int MessagesPerSecond
    {
        get;
        init => field = AtLeastOne(value, nameof(MessagesPerSecond));
    }

    /// <summary>Gets how many channels are joined per second, also after a reconnect.</summary>
    /// <value>The default is 20, a fifth of what the smallest plan allows; at least 1.</value>
    public int JoinsPerSecond
    {
        get;
        init => field = AtLeastOne(value, nameof(JoinsPerSecond));
    } = DefaultJoinsPerSecond;

    /// <summary>Gets how many times a client may change its presence on a channel within 30 s. Further changes are merged and wait.</summary>
    /// <value>The default is 5; at least 1.</value>
    public int PresenceCallsPerChannel
    {
        get;
        init => field = AtLeastOne(value, nameof(PresenceCallsPerChannel));
    } = DefaultPresenceCallsPerChannel;

    /// <summary>Whether typing must give way.</summary>
    internal bool IsTight => _messages.PerSecond > MessagesPerSecond * TypingShare || _messages.WasOverLimit;

    /// <summary>What the rejoins of many clients, each with a budget of its own, are spread over.</summary>
    internal TimeSpan RejoinSpread => 5 * TimeSpan.FromSeconds(1) / JoinsPerSecond;

    internal Task WaitForJoinAsync(CancellationToken cancellationToken) => _joins.Value.WaitAsync(cancellationToken);

    internal PresenceQuota NewPresenceQuota() => new(PresenceCallsPerChannel, _time);

    /// <summary>Counts a message that was sent or delivered.</summary>
    internal void Count() => _messages.Count();

    /// <summary>The server has closed a channel because the project went over its limit.</summary>
    internal void OnOverLimit() => _messages.OnOverLimit();

    private static int AtLeastOne(int value, string name) =>
        value >= 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} is at least 1.");
}
