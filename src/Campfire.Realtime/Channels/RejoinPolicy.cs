using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Channels;

/// <summary>Says when a channel is joined again, by what ended its last membership. Used by the session's own loop only.</summary>
internal sealed class RejoinPolicy(ChannelName name, Backoff backoff, AccessTokenSource tokens, TimeProvider time)
{
    private const int MaxTokenRefusalsPerMinute = 3;

    // A server that agrees and closes at once must not be met at the shortest delay for ever.
    private static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(5);

    private readonly Queue<long> _tokenRefusals = new();
    private int _attempt;
    private long? _joinedAt;

    /// <summary>Whether the next join is not the first.</summary>
    public bool WasJoined { get; private set; }

    public void OnJoined()
    {
        WasJoined = true;
        _joinedAt = time.GetTimestamp();
    }

    /// <summary>The next join is on another link, and the connection has waited already.</summary>
    public void OnLinkLost()
    {
        _attempt = 0;
        _joinedAt = null;
    }

    /// <summary>How long to wait before the next join.</summary>
    /// <exception cref="CampfireException">There is none.</exception>
    public TimeSpan DelayAfter(Refusal refusal)
    {
        _attempt = _joinedAt is { } since && time.GetElapsedTime(since) >= StableAfter ? 1 : _attempt + 1;
        _joinedAt = null;
        switch (refusal.Class)
        {
            case RefusalClass.Permanent:
                CampfireErrorCode code = WasJoined && refusal.Code is CampfireErrorCode.AccessDenied ? CampfireErrorCode.AccessWithdrawn : refusal.Code;
                throw (refusal with { Code = code }).ToException($"The server refused {name}");
            case RefusalClass.Token:
                tokens.Forget();
                long now = time.GetTimestamp();
                _tokenRefusals.Enqueue(now);
                while (time.GetElapsedTime(_tokenRefusals.Peek(), now) > TimeSpan.FromMinutes(1))
                    _tokenRefusals.Dequeue();
                if (_tokenRefusals.Count > MaxTokenRefusalsPerMinute)
                    throw refusal.ToException($"The server refused {MaxTokenRefusalsPerMinute} fresh tokens within a minute for {name}");

                // The first fresh token is worth no wait. After that whoever makes them may need a moment.
                return _tokenRefusals.Count == 1 ? TimeSpan.Zero : backoff.Next(_attempt);
            case RefusalClass.Capacity:
                return backoff.ForCapacity();
            default:
                return backoff.Next(_attempt);
        }
    }
}
