using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Channels;

/// <summary>What a channel's owner hears. The frame methods run on the receive loop: they must not block, and their spans are gone when they return.</summary>
internal interface IChannelSink
{
    void OnBroadcast(in BroadcastView broadcast);

    void OnPresenceState(ReadOnlySpan<byte> json);

    void OnPresenceDiff(ReadOnlySpan<byte> json);

    /// <summary>The server agreed to a join, the first or a later one: what came before may have been missed.</summary>
    void OnJoined();

    /// <summary>The server streams what the database sends: what was sent before may have been missed.</summary>
    void OnDatabaseStreaming();

    /// <summary>A join that the server had agreed to is over, and why; another one may follow.</summary>
    void OnInterrupted(string reason);

    /// <summary>The channel is over and will not come back.</summary>
    void OnEnded(CampfireException reason);
}
