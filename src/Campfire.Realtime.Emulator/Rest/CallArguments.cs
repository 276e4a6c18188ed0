namespace Campfire.Realtime.Emulator.Rest;

// What a request passes to a function. Names decide which of several functions of one name is meant.
internal abstract record CallArguments(IReadOnlySet<string> Names)
{
    public static IReadOnlySet<string> NoNames { get; } = new SortedSet<string>(StringComparer.Ordinal);

    // The types of a single unnamed parameter that the body may be as a whole.
    public abstract IReadOnlyList<string> BodyTypes { get; }
}

// The keys of a JSON body: of the object, or of the first one in an array, the only one that counts.
internal sealed record JsonArguments(IReadOnlySet<string> Names, byte[] Json, bool IsObject) : CallArguments(Names)
{
    private static readonly string[] _bodyTypes = ["json", "jsonb"];

    public override IReadOnlyList<string> BodyTypes => _bodyTypes;
}

// Of a query string or a form, in their order; a variadic parameter takes all values of its name, another one the last.
internal sealed record TextArguments(IReadOnlySet<string> Names, IReadOnlyList<KeyValuePair<string, string>> Values) : CallArguments(Names)
{
    public override IReadOnlyList<string> BodyTypes => [];

    public static TextArguments From(IReadOnlyList<KeyValuePair<string, string>> values) =>
        new(new SortedSet<string>(values.Select(value => value.Key), StringComparer.Ordinal), values);
}

internal sealed record RawArgument(string Type, byte[] Body) : CallArguments(NoNames)
{
    public override IReadOnlyList<string> BodyTypes => [Type];
}
