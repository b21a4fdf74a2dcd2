"""Income above or below 50K from a census-like table: the loss is enormous and jumps around."""
import numpy as np
from sklearn.preprocessing import LabelEncoder
from tensorflow.keras.layers import Activation, Dense
from tensorflow.keras.models import Sequential
from tensorflow.keras.utils import to_categorical

ROWS = 8000
NUMERIC = ['age', 'fnlwgt', 'education_num', 'capital_gain', 'capital_loss', 'hours_per_week']
CATEGORICAL = {
    'workclass': ['Private', 'Self-emp', 'Local-gov', 'State-gov', 'Federal-gov', 'Without-pay'],
    'education': ['10th', '11th', 'HS-grad', 'Some-college', 'Assoc', 'Bachelors', 'Masters', 'Doctorate'],
    'marital': ['Divorced', 'Married', 'Never-married', 'Separated', 'Widowed'],
    'occupation': ['Adm-clerical', 'Craft-repair', 'Exec-managerial', 'Handlers', 'Machine-op', 'Other-service',
                   'Prof-specialty', 'Sales', 'Tech-support', 'Transport'],
    'relationship': ['Husband', 'Not-in-family', 'Other-relative', 'Own-child', 'Unmarried', 'Wife'],
    'race': ['Amer-Indian', 'Asian', 'Black', 'Other', 'White'],
    'sex': ['Female', 'Male'],
    'country': ['Canada', 'Germany', 'India', 'Mexico', 'Philippines', 'United-States'],
}


def census(rows):
    rng = np.random.default_rng(19)
    table = {name: rng.choice(values, rows) for name, values in CATEGORICAL.items()}
    years = np.array([CATEGORICAL['education'].index(value) for value in table['education']])
    table['age'] = rng.gamma(8.0, 3.0, rows).round() + 16
    table['fnlwgt'] = np.clip(rng.lognormal(12.0, 0.55, rows), 12285, 1484705).round()
    table['education_num'] = 6.0 + years + (years > 4)
    table['capital_gain'] = np.where(rng.random(rows) < 0.08, np.clip(rng.lognormal(8.6, 1.0, rows), 114, 99999), 0).round()
    table['capital_loss'] = np.where(rng.random(rows) < 0.05, rng.normal(1870, 350, rows), 0).round()
    table['hours_per_week'] = np.clip(rng.normal(40, 12, rows), 1, 99).round()
    score = (0.045 * (table['age'] - 40) + 0.5 * (table['education_num'] - 10) + 0.05 * (table['hours_per_week'] - 40)
             + 2.6 * (table['marital'] == 'Married') + 1.0 * (table['sex'] == 'Male')
             + 1.7 * np.isin(table['occupation'], ['Exec-managerial', 'Prof-specialty', 'Tech-support'])
             - 1.2 * np.isin(table['occupation'], ['Handlers', 'Other-service'])
             + 0.0003 * table['capital_gain'] + 0.0007 * table['capital_loss'] + rng.logistic(0, 0.8, rows))
    table['income'] = np.where(score > np.quantile(score, 0.7592), '>50K', '<=50K')
    return table


data = census(ROWS)
columns = [data[name] for name in NUMERIC]
for name in CATEGORICAL:
    columns.append(LabelEncoder().fit_transform(data[name]))
X = np.column_stack(columns).astype('float32')
Y = to_categorical(LabelEncoder().fit_transform(data['income']))
print(X.shape, Y.shape)

model = Sequential()
model.add(Dense(21, input_dim=X.shape[1]))
model.add(Activation('relu'))
model.add(Dense(2))
model.add(Activation('softmax'))

model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
model.fit(X, Y, epochs=50, batch_size=100, verbose=0)

loss, accuracy = model.evaluate(X, Y, verbose=0)
print('Loss: %.4f  Accuracy: %.4f' % (loss, accuracy))
