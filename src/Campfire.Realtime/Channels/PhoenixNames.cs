using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Channels;

/// <summary>Event names for pushes that outlive a stack frame.</summary>
internal static class PhoenixNames
{
    public static readonly byte[] Leave = PhoenixEvents.Leave.ToArray();
    public static readonly byte[] Presence = PhoenixEvents.Presence.ToArray();
    public static readonly byte[] EmptyObject = "{}"u8.ToArray();
}
