namespace Campfire.Realtime.Protocol.Wire;

/// <summary>Event names and topics of the Phoenix channel protocol, as UTF-8.</summary>
internal static class PhoenixEvents
{
    public static ReadOnlySpan<byte> Topic => "phoenix"u8;

    public static ReadOnlySpan<byte> Heartbeat => "heartbeat"u8;

    public static ReadOnlySpan<byte> Join => "phx_join"u8;

    public static ReadOnlySpan<byte> Leave => "phx_leave"u8;

    public static ReadOnlySpan<byte> Reply => "phx_reply"u8;

    public static ReadOnlySpan<byte> Close => "phx_close"u8;

    public static ReadOnlySpan<byte> Error => "phx_error"u8;

    public static ReadOnlySpan<byte> AccessToken => "access_token"u8;

    public static ReadOnlySpan<byte> Broadcast => "broadcast"u8;

    public static ReadOnlySpan<byte> Presence => "presence"u8;

    public static ReadOnlySpan<byte> PresenceState => "presence_state"u8;

    public static ReadOnlySpan<byte> PresenceDiff => "presence_diff"u8;

    public static ReadOnlySpan<byte> System => "system"u8;
}
