using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Channels;

/// <summary>Knows what a frame of the server means: something for the channel's owner, or the end of the membership. Runs on the receive loop.</summary>
internal sealed class ChannelFrames(ChannelName name, IChannelSink sink)
{
    private const string UnmatchedTopic = "unmatched topic";

    public void Take(Membership membership, in Frame frame)
    {
        if (frame.Is(PhoenixEvents.Broadcast))
        {
            if (BroadcastView.TryRead(frame, out BroadcastView broadcast, out WireError error))
                sink.OnBroadcast(broadcast);
            else
                membership.Link.Violations.Report(Violation.UnreadableBroadcast, error.Code.ToString(), name.Value, error.Detail);
        }
        else if (frame.Is(PhoenixEvents.PresenceDiff))
        {
            sink.OnPresenceDiff(frame.Payload);
        }
        else if (frame.Is(PhoenixEvents.PresenceState))
        {
            sink.OnPresenceState(frame.Payload);
        }
        else if (frame.Is(PhoenixEvents.System))
        {
            OnSystem(membership, SystemMessage.Read(frame.Payload));
        }
        else if (frame.Is(PhoenixEvents.Close))
        {
            membership.End(Refusal.OfClose(membership.LastError));
        }
        else if (frame.Is(PhoenixEvents.Error))
        {
            membership.End(new Refusal(RefusalClass.Transient, CampfireErrorCode.Unavailable, "the channel crashed on the server"));
        }
        else if (frame.Is(PhoenixEvents.Reply) && membership.IsConfirmed && ReplyView.TryRead(frame, out ReplyView reply, out _)
            && !reply.IsOk)
        {
            EndIfUnknown(membership, reply.ReadReason());
        }
    }

    /// <summary>Ends the membership where a push was refused because the server has no such channel any more, and no close has said so.</summary>
    public static bool EndIfUnknown(Membership membership, string? reason)
    {
        if (reason != UnmatchedTopic)
            return false;

        membership.End(new Refusal(RefusalClass.Transient, CampfireErrorCode.Unavailable, "the server no longer knows the channel"));
        return true;
    }

    private void OnSystem(Membership membership, SystemMessage? message)
    {
        if (message is not { } system)
            return;
        if (system.IsError)
            membership.LastError = system.Message;
        else if (system.Message == SystemMessage.ReplicationReady)
            sink.OnDatabaseStreaming();
    }
}
