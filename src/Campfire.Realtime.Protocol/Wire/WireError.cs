namespace Campfire.Realtime.Protocol.Wire;

internal enum WireErrorCode
{
    None,
    Empty,
    UnknownKind,
    Truncated,
    NotJson,
    NotAFrame,
    MissingField,
    WrongType,
    BinaryInVersion1,
}

/// <summary>Why bytes are no frame. The text names positions and fields, never content.</summary>
internal readonly record struct WireError(WireErrorCode Code, string Detail)
{
    public override string ToString() => $"{Code}: {Detail}";
}
