namespace Campfire.Realtime.Emulator.Rest;

internal enum ReturnShape
{
    Scalar,
    Composite,
    SetOfScalars,
    SetOfComposites,
}

// CastType is Type, but for the types that would cut a value to their default length of one.
internal sealed record RestParameter(string Name, string Type, string CastType, bool IsRequired, bool IsVariadic);

internal sealed record RestFunction(
    string Name, IReadOnlyList<RestParameter> Parameters, ReturnShape Returns, bool ReturnsVoid, bool IsVolatile, TransactionSettings Settings)
{
    public bool ReturnsSet => Returns is ReturnShape.SetOfScalars or ReturnShape.SetOfComposites;

    public bool ReturnsScalars => Returns is ReturnShape.Scalar or ReturnShape.SetOfScalars;

    public bool HasUnnamedParameter => Parameters is [{ Name: "" }];

    public bool Accepts(CallArguments arguments)
    {
        if (Parameters.Count == 0)
            return arguments.Names.Count == 0 && arguments is not RawArgument;
        return Parameters.All(parameter => !parameter.IsRequired || arguments.Names.Contains(parameter.Name))
            && arguments.Names.All(name => Parameters.Any(parameter => parameter.Name == name));
    }

    // A function of one parameter without a name takes the whole body, when no other function fits its keys.
    public bool AcceptsBody(CallArguments arguments) => HasUnnamedParameter && arguments.BodyTypes.Contains(Parameters[0].Type);

    public override string ToString() =>
        $"public.{Name}({string.Join(", ", Parameters.Select(parameter => $"{parameter.Name} => {parameter.Type}"))})";
}
