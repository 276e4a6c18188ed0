using System.Collections;
using System.Reflection;

namespace Campfire.Realtime.Chaos.Measuring;

/// <summary>Counts the entries of every collection that hangs on a client, whatever its name: pending replies, held events, sessions.</summary>
internal static class Tables
{
    private const string Ours = "Campfire.Realtime";
    private const BindingFlags Fields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    public static int Count(IEnumerable<CampfireClient> clients)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        return clients.Sum(client => Count(client, seen));
    }

    private static int Count(object? value, HashSet<object> seen)
    {
        if (value is null or string or Array || !seen.Add(value))
            return 0;
        if (value is ICollection collection)
            return collection.Count + (value is IDictionary pairs ? pairs.Values : collection).Cast<object?>().Sum(item => Count(item, seen));
        if (value.GetType().Assembly.GetName().Name?.StartsWith(Ours, StringComparison.Ordinal) is not true)
            return 0;

        int count = 0;
        for (Type? type = value.GetType(); type is not null && type != typeof(object); type = type.BaseType)
            count += type.GetFields(Fields).Where(field => !field.FieldType.IsPrimitive).Sum(field => Count(field.GetValue(value), seen));
        return count;
    }
}
