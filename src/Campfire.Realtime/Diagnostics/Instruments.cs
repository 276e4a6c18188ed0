using System.Diagnostics;
using System.Diagnostics.Metrics;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Diagnostics;

/// <summary>How an event came.</summary>
internal enum EventSource
{
    Live,
    Recovered,
    Polled,
}

/// <summary>The activity source and the instruments of all clients of the process. Without a listener each costs a comparison.</summary>
internal static class Instruments
{
    private const string Ok = "ok";

    private static readonly ActivitySource Source = new(CampfireDiagnostics.Name);
    private static readonly Meter Meter = new(CampfireDiagnostics.Name);

    private static readonly Counter<long> Connects = Meter.CreateCounter<long>(CampfireDiagnostics.Connects, "{attempt}", "Attempts to connect a socket.");
    private static readonly Counter<long> Losses = Meter.CreateCounter<long>(CampfireDiagnostics.Losses, "{connection}", "Connections that were lost.");
    private static readonly UpDownCounter<long> Connections = Meter.CreateUpDownCounter<long>(CampfireDiagnostics.Connections, "{connection}", "Sockets that are connected now.");
    private static readonly Counter<long> Joins = Meter.CreateCounter<long>(CampfireDiagnostics.Joins, "{join}", "Answers to joins.");
    private static readonly UpDownCounter<long> Channels = Meter.CreateUpDownCounter<long>(CampfireDiagnostics.Channels, "{channel}", "Channels that are joined now.");
    private static readonly Counter<long> Events = Meter.CreateCounter<long>(CampfireDiagnostics.Events, "{event}", "Stored events accepted for readers' streams.");
    private static readonly Histogram<double> EventDelay = Meter.CreateHistogram<double>(CampfireDiagnostics.EventDelay, "s", "From the storing of a message to its reader.");
    private static readonly Counter<long> Duplicates = Meter.CreateCounter<long>(CampfireDiagnostics.Duplicates, "{event}", "Live events that had been there before.");
    private static readonly Counter<long> Gaps = Meter.CreateCounter<long>(CampfireDiagnostics.Gaps, "{gap}", "Holes in the live events for which the log was read.");
    private static readonly Counter<long> LostHistory = Meter.CreateCounter<long>(CampfireDiagnostics.LostHistory, "{event}", "Events that no longer are in the log.");
    private static readonly Histogram<double> SendDuration = Meter.CreateHistogram<double>(CampfireDiagnostics.SendDuration, "s", "From the call to the answer of the database.");
    private static readonly Counter<long> TypingDropped = Meter.CreateCounter<long>(CampfireDiagnostics.TypingDropped, "{notice}", "Typing notices that gave way to messages.");
    private static readonly Counter<long> Violations = Meter.CreateCounter<long>(CampfireDiagnostics.Violations, "{violation}", "What the server sent and should not have.");

    public static Activity? StartConnect(Uri address) => Source.StartActivity(CampfireDiagnostics.ConnectActivity, ActivityKind.Client) is { } activity
        ? activity.SetTag("server.address", address.Host).SetTag("server.port", address.Port)
        : null;

    public static Activity? StartJoin(ChannelName name) =>
        Source.StartActivity(CampfireDiagnostics.JoinActivity, ActivityKind.Client)?.SetTag(CampfireDiagnostics.Channel, name.Kind.ToString());

    public static Activity? StartSend() => Source.StartActivity(CampfireDiagnostics.SendActivity, ActivityKind.Client);

    public static Activity? StartRead() => Source.StartActivity(CampfireDiagnostics.ReadActivity, ActivityKind.Client);

    public static void Connected(Activity? activity)
    {
        Connects.Add(1, new KeyValuePair<string, object?>(CampfireDiagnostics.Outcome, Ok));
        activity?.SetTag(CampfireDiagnostics.Outcome, Ok);
    }

    public static void ConnectFailed(Activity? activity, Refusal refusal)
    {
        Connects.Add(1, new KeyValuePair<string, object?>(CampfireDiagnostics.Outcome, refusal.Code.ToString()));
        Fail(activity, refusal.Code);
    }

    public static void ConnectionBegan() => Connections.Add(1);

    /// <param name="loss">Null when the client closed the connection itself.</param>
    public static void ConnectionEnded(LinkLoss? loss)
    {
        Connections.Add(-1);
        if (loss is not null)
        {
            Losses.Add(1, new KeyValuePair<string, object?>(
                CampfireDiagnostics.Reason, loss.CloseCode is not null ? "closed" : loss.IsSilence ? "silent" : "broken"));
        }
    }

    /// <param name="activity">The activity of the join.</param>
    /// <param name="name">The channel.</param>
    /// <param name="refusal">Null when the server agreed.</param>
    public static void JoinEnded(Activity? activity, ChannelName name, Refusal? refusal)
    {
        Joins.Add(1, Tag(name), new KeyValuePair<string, object?>(CampfireDiagnostics.Outcome, refusal?.Code.ToString() ?? Ok));
        if (refusal is { } refused)
            Fail(activity, refused.Code);
        else
            activity?.SetTag(CampfireDiagnostics.Outcome, Ok);
    }

    public static void ChannelBegan(ChannelName name) => Channels.Add(1, Tag(name));

    public static void ChannelEnded(ChannelName name) => Channels.Add(-1, Tag(name));

    public static void Accepted(StoredEvent stored, EventSource source) => Events.Add(
        1,

        // An application's own names would make as many series.
        new KeyValuePair<string, object?>(CampfireDiagnostics.Event, stored is UnknownStoredEvent ? "other" : stored.Name),
        Tag(source));

    public static void Taken(TimeSpan delay, EventSource source) => EventDelay.Record(Math.Max(delay.TotalSeconds, 0), Tag(source));

    public static void Duplicate() => Duplicates.Add(1);

    public static void Gap() => Gaps.Add(1);

    public static void HistoryLost(long events) => LostHistory.Add(events);

    /// <param name="activity">The activity of the sending.</param>
    /// <param name="duration">From the call, or for a message from the outbox from its turn, to the answer.</param>
    /// <param name="failure">Null when the message was stored.</param>
    public static void SendEnded(Activity? activity, TimeSpan duration, CampfireErrorCode? failure)
    {
        SendDuration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>(CampfireDiagnostics.Outcome, failure?.ToString() ?? Ok));
        if (failure is { } code)
            Fail(activity, code);
        else
            activity?.SetTag(CampfireDiagnostics.Outcome, Ok);
    }

    public static void TypingGaveWay() => TypingDropped.Add(1);

    public static void Violation(Violation violation) => Violations.Add(1, new KeyValuePair<string, object?>(CampfireDiagnostics.Kind, violation.ToString()));

    private static KeyValuePair<string, object?> Tag(EventSource source) =>
        new(CampfireDiagnostics.Source, source switch { EventSource.Live => "live", EventSource.Recovered => "recovered", _ => "polled" });

    private static KeyValuePair<string, object?> Tag(ChannelName name) => new(CampfireDiagnostics.Channel, name.Kind.ToString());

    private static void Fail(Activity? activity, CampfireErrorCode code) =>
        activity?.SetTag(CampfireDiagnostics.Outcome, code.ToString()).SetStatus(ActivityStatusCode.Error, code.ToString());
}
