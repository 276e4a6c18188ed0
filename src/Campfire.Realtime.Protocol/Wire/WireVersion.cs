namespace Campfire.Realtime.Protocol.Wire;

internal enum WireVersion
{
    /// <summary>vsn 1.0.0: text frames holding an object.</summary>
    V1,

    /// <summary>vsn 2.0.0: text frames holding an array, and binary frames.</summary>
    V2,
}

/// <summary>Push frames (kind 0) and vsn 1.0.0 objects differ by who sends them.</summary>
internal enum WireDirection
{
    ToServer,
    ToClient,
}
