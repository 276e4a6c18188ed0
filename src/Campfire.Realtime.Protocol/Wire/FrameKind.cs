namespace Campfire.Realtime.Protocol.Wire;

/// <summary>What a frame is on the wire. The binary kinds have the value of their first byte.</summary>
internal enum FrameKind : byte
{
    Push = 0,
    Reply = 1,
    Broadcast = 2,
    UserBroadcastPush = 3,
    UserBroadcast = 4,

    /// <summary>A text frame of either version; never a first byte.</summary>
    Text = 0xFF,
}
