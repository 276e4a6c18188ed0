using QuickStart;

namespace Campfire.Realtime.Chaos.Running;

/// <summary>Makes the clients of a run, all with the same options.</summary>
internal sealed class ClientFactory(SupabaseTarget target, RunLog log, Uri? realtimeUrl = null, HttpMessageHandler? http = null)
{
    /// <summary>What <see cref="IsImpatient"/> sets, in words.</summary>
    public const string ImpatientOptions =
        "heartbeat every 1 s with 1 s for the answer, joins 3 s, requests 5 s, reconnects 0.1 to 2 s, tail check 3 s, buffers of 16 events";

    /// <summary>What the clients share of the project's limits, which all harnesses raise; null for one of each client's own.</summary>
    public RealtimeBudget? Budget { get; init; }

    /// <summary>Whether clients notice and repair sooner than they do at defaults.</summary>
    public bool IsImpatient { get; init; }

    /// <summary>Whether clients come back within 20 ms, for measurements of many reconnects in which the waiting is of no interest.</summary>
    public bool ReconnectsAtOnce { get; init; }

    public CampfireClient Create(Func<string> token)
    {
        var options = new CampfireClientOptions
        {
            Url = target.Url,
            RealtimeUrl = realtimeUrl ?? target.RealtimeUrl,
            RestUrl = target.RestUrl,
            ApiKey = target.AnonKey,
            AccessToken = _ => ValueTask.FromResult(token()),
            HttpMessageHandler = http,
            LoggerFactory = log,
            Budget = Budget,
        };
        if (IsImpatient)
        {
            options.HeartbeatInterval = TimeSpan.FromSeconds(1);
            options.HeartbeatTimeout = TimeSpan.FromSeconds(1);
            options.JoinTimeout = TimeSpan.FromSeconds(3);
            options.RequestTimeout = TimeSpan.FromSeconds(5);
            options.ReconnectBaseDelay = TimeSpan.FromMilliseconds(100);
            options.ReconnectMaxDelay = TimeSpan.FromSeconds(2);
            options.TailCheckInterval = TimeSpan.FromSeconds(3);
            options.EventBufferSize = 16;
        }

        if (ReconnectsAtOnce)
            options.ReconnectBaseDelay = options.ReconnectMaxDelay = TimeSpan.FromMilliseconds(20);

        return new CampfireClient(options);
    }
}
